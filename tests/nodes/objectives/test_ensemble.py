"""Ensemble: several objectives that share out the views, and what is said where that cannot be."""

from collections.abc import Callable
from typing import Any

import torch

from cases import each_case
from loaded_pack import Pack, Toy, assert_refused


class Counted(Toy):
    """Counts the views that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.views = 0

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        self.views += len(views)
        return super().forward(views)


def ensemble(pack: Pack, *objectives: Any) -> Any:
    connected = {f"objective{number}": objective for number, objective in enumerate(objectives)}
    return pack.run("DAS_Ensemble", objectives=connected)[0]


def test_models_share_out_the_views_and_all_of_them_climb(pack: Pack) -> None:
    one, other = Counted(), Counted()
    both = ensemble(pack, pack.objective(one), pack.objective(other))
    history = pack.optimize(objectives={"objective0": both}, augmentation=pack.augmentation(views=6), steps=2)[3]
    # Each was also shown one black view when it was made a classifier.
    assert [module.views - 1 for module in (one, other)] in ([6, 6], [5, 5]) or (one.views, other.views) == (6, 6)
    assert list(history[0].scores) == ["class 0"]


def test_words_and_classes_go_together(pack: Pack) -> None:
    (words,) = pack.run("DAS_TextObjective", clip=pack.clip(Toy()), text="a cat", weight=0.5)
    both = ensemble(pack, pack.objective(), words)
    assert (both.name, [term.weight_at(0.0) for term in both.terms]) == ("class 0, a cat", [0.5, 0.25])
    (faded,) = pack.run("DAS_Schedule", objective=both, start=0.0, end=2.0)
    assert [term.weight_at(1.0) for term in faded.terms] == [1.0, 0.5]


BAD: dict[str, Callable[[Pack], object]] = {
    r"an ensemble of 0 shares out nothing": lambda pack: pack.run("DAS_Ensemble"),
    r"an ensemble of 1 shares out nothing; give at least two": lambda pack: ensemble(pack, pack.objective()),
    r"an ensemble of 1 shares .* two": lambda pack: ensemble(pack, pack.objective(), None),
    r"'total variation' asks no model": lambda pack: ensemble(
        pack, pack.objective(), pack.run("DAS_Prior", kind="total_variation", weight=0.3)[0]
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
