"""Objectives that share out the views of an ascent."""

from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.base import Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.ensemble import EnsembleObjective
from das_core.objectives.prior import Prior
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import Output, classifier, judge

SPEC = StackSpec(32, 32, 8)


class Counting(nn.Module):
    """Counts the views that it is shown."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.views: Counter[int] = Counter()
        self.step, self.factor = 0, factor

    def forward(self, views: Tensor) -> Tensor:
        self.views[self.step] += len(views)
        return views * self.factor


def count_views(modules: list[Counting], views: int, steps: int, batch: int = 1) -> list[list[int]]:
    """Return how many views each module sees at each step of an ascent for all of them together."""
    objective = EnsembleObjective(tuple(Output(judge(module), f"module {i}") for i, module in enumerate(modules)))
    ascent = Ascent(ImageStack.gray(SPEC, batch), [objective], Augmentation(views, Windows(8)), steps=steps)
    for step, _ in enumerate(ascent, start=1):
        for module in modules:
            module.step = step
    return [[module.views[step] for step in range(steps)] for module in modules]


@each_case(
    ("parts", "views", "steps", "batch", "expected"),
    [
        (2, 6, 2, 1, [[3, 3], [3, 3]]),
        (2, 6, 1, 2, [[6], [6]]),
        # Views that do not divide go round.
        (2, 3, 4, 1, [[2, 1, 2, 1], [1, 2, 1, 2]]),
        # With fewer views than parts all have their turn.
        (3, 1, 3, 1, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_each_part_sees_its_share_of_the_views(
    parts: int, views: int, steps: int, batch: int, expected: list[list[int]]
) -> None:
    assert count_views([Counting() for _ in range(parts)], views, steps, batch) == expected


@each_case("views", [2, 5, 6])
def test_the_score_is_the_mean_over_all_views(views: int) -> None:
    modules = [Counting(0.0), Counting(10.0)]
    objective = EnsembleObjective(tuple(Output(judge(module), "bright") for module in modules))
    augmentation = Augmentation(views, Windows(8), ())
    ascent = Ascent(ImageStack.gray(SPEC), [objective], augmentation, steps=2)
    record = next(iter(ascent)).record
    assert record.scores["bright"] == pytest.approx(10 * 0.5 * (views // 2) / views, abs=1e-4)


def test_chunks_change_nothing_but_rounding() -> None:
    models = [classifier(seed=1), classifier(24, seed=2)]
    objective = ClassObjective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    images = [
        Ascent(ImageStack.gray(SPEC, 2), [objective], Augmentation(5, Windows(8)), steps=3, chunk=chunk).run().image
        for chunk in (1, 3, 100)
    ]
    for other in images[1:]:
        torch.testing.assert_close(other, images[0], rtol=0, atol=1e-3)


def test_an_ensemble_of_models_is_an_ensemble_of_objectives() -> None:
    models = [classifier(seed=1), classifier(24, seed=2)]
    views = Augmentation(4, Windows(8))
    of_models = ClassObjective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    of_objectives = EnsembleObjective(tuple(ClassObjective(model, ((3, 1.0),)) for model in models))
    first, second = (
        Ascent(ImageStack.gray(SPEC), [one], views, steps=3).run().image for one in (of_models, of_objectives)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=1e-5)


def test_the_weights_of_the_parts_are_shares_of_the_step() -> None:
    # Two objectives pull apart: the one with the larger weight decides, whatever the scales of their scores.
    up, down = Output(judge(Counting(1.0)), "up", 0.4), Output(judge(Counting(-1000.0)), "down", 0.6)
    result = Ascent(
        ImageStack.gray(SPEC), [EnsembleObjective((up, down))], Augmentation(8, Windows(8), ()), steps=3, focus=None
    ).run()
    assert float(result.image.mean()) < 0.5


def test_regions_and_schedules_reach_every_term() -> None:
    mask = torch.ones(1, 32, 32)
    both = EnsembleObjective((Output(judge(Counting()), "a"), Output(judge(Counting()), "b", 0.5)))
    for term in RegionObjective(both, mask).terms():
        assert term.regions[0] is mask
    assert [term.weight_at(0.0) for term in ScheduledObjective(both, 0.5, 1.0).terms()] == [0.5, 0.25]
    third = Output(judge(Counting()), "c")
    assert EnsembleObjective((both, third)).terms() == (*both.objectives, third)


def test_the_name_says_each_thing_once() -> None:
    same = EnsembleObjective((Output(judge(Counting()), "castle"), Output(judge(Counting()), "castle")))
    assert same.name == "castle"
    other = EnsembleObjective((Output(judge(Counting()), "castle"), Output(judge(Counting()), "reef", -2.0)))
    assert (other.name, other.weight) == ("castle, reef", -2.0)


@dataclass(frozen=True)
class Case:
    objectives: tuple[Objective, ...]
    message: str


@each_case(
    "case",
    [
        Case((), "an ensemble of 0 shares out nothing"),
        Case((Prior("total_variation"),), "an ensemble of 1 shares out nothing"),
        Case((Output(judge(Counting())), Prior("total_variation")), "'total variation' asks no model"),
    ],
)
def test_what_shares_out_nothing_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match=case.message):
        EnsembleObjective(case.objectives)
