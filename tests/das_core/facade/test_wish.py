"""Wishes as values: sums, differences and products."""

import pytest

from das_core.facade.wish import Wish
from das_core.facade.wishes import channel, classes, layer
from das_core.objectives.priors import prior
from toys import classifier


def weights(wish: Wish) -> list[tuple[str, float]]:
    return [(term.name, term.weight) for term in wish.resolve(classifier()).terms]


def test_wishes_are_summed_and_weighted() -> None:
    wish = 2 * (classes(1) - channel("0", 2) / 4)
    assert weights(wish) == [("class 1", 2.0), ("0 channel 2", -0.5)]
    assert weights(-wish + layer("1")) == [("class 1", -2.0), ("0 channel 2", 0.5), ("1", 1.0)]
    # Objectives mix with wishes.
    assert weights(wish + prior("l2")) == [*weights(wish), ("l2", 0.2)]
    assert weights(prior("l2") - 2 * classes(1)) == [("l2", 0.2), ("class 1", -2.0)]
    for wrong in (lambda: wish + 1, lambda: wish * "2", lambda: wish / "2", lambda: "x" + wish):
        with pytest.raises(TypeError):
            wrong()
