"""Wishes as values: what each asks for, sums, differences and products, and functions of the user's."""

from typing import Any

import pytest
import torch

import tinyclip
from cases import each_case
from das_core import Judge, facade, prior
from quick_render import TOY, render

ATTENTION = "transformer.resblocks.1.attn"


def red(views: torch.Tensor) -> torch.Tensor:
    return views[:, 0].mean(dim=(1, 2))


@each_case(
    ("model", "wish", "terms"),
    [
        (TOY, facade.classes([3, 4]), [("class 3, class 4", 1.0)]),
        (TOY, facade.layer("2"), [("2", 1.0)]),
        (TOY, facade.channel("2", 7), [("2 channel 7", 1.0)]),
        (TOY, facade.neuron("2", 1, (0, 3)), [("2 channel 1 at 0, 3", 1.0)]),
        (TOY, facade.direction("2", torch.ones(32), (0, 3)), [("2 direction at 0, 3", 1.0)]),
        (tinyclip.clip(), facade.head(ATTENTION, 0), [(f"{ATTENTION} head 0", 1.0)]),
        (tinyclip.clip(), facade.text("a cat") * 2, [("a cat", 2.0)]),
        (TOY, facade.of_views(red), [("red", 1.0)]),
        (TOY, 2 * (facade.classes(1) - facade.channel("0", 2) / 4), [("class 1", 2.0), ("0 channel 2", -0.5)]),
        (TOY, -facade.classes(1) + facade.layer("1"), [("class 1", -1.0), ("1", 1.0)]),
        (TOY, sum([facade.classes(1), facade.classes(2)]), [("class 1", 1.0), ("class 2", 1.0)]),
        # Objectives mix with wishes.
        (TOY, facade.classes(1) + prior("l2"), [("class 1", 1.0), ("l2", 0.2)]),
        (TOY, prior("l2") - 2 * facade.classes(1), [("l2", 0.2), ("class 1", -2.0)]),
        (TOY, prior("l2") + facade.classes(1), [("l2", 0.2), ("class 1", 1.0)]),
    ],
)
def test_what_a_wish_asks_for(model: Judge, wish: facade.Wish, terms: list[tuple[str, float]]) -> None:
    assert [(term.name, term.weight) for term in wish.resolve(model).terms] == terms


def test_wishes_are_multiplied_by_numbers_and_added_to_wishes_alone() -> None:
    wish: Any = facade.classes(1)
    for wrong in (lambda: wish + 1, lambda: wish * "2", lambda: wish / "2", lambda: "x" + wish, lambda: "x" - wish):
        with pytest.raises(TypeError):
            wrong()


def test_several_channels_are_several_pictures_and_none_are_refused_at_once() -> None:
    made = render(facade.channels("2", range(3)))
    assert made.image.shape == (3, 3, 48, 48)
    assert [len(scores) for scores in made.scores.values()] == [3]
    for number, image in enumerate(made.image):
        alone = render(facade.channel("2", number), batch=3).image[number]
        torch.testing.assert_close(image, alone, rtol=0, atol=2e-4)
    for batch in (1, 4):
        with pytest.raises(ValueError, match=f"^{batch} pictures cannot show a wish for 3, .* a multiple of 3"):
            render(facade.channels("2", range(3)), batch=batch)
    assert len(render(facade.channels("2", range(3)), batch=6, steps=1).image) == 6
    with pytest.raises(ValueError, match=r"no channel is given; give numbers, such as range\(8\)"):
        facade.channels("2", [])


def test_a_function_of_the_views_is_raised() -> None:
    image = render(red, steps=6).image
    assert image[:, 0].mean() > image[:, 1:].mean() + 0.05 > 0.55


def test_a_wish_for_diversity_is_one_for_a_batch() -> None:
    made = render(facade.channel("2", 3) + 0.5 * facade.diversity("2"), batch=3)
    assert {name: len(scores) for name, scores in made.scores.items()} == {"2 channel 3": 3, "2 diversity": 3}
    assert len(render(facade.channels("2", range(4)) + facade.diversity("2")).image) == 4
