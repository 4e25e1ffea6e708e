"""Objectives that wrap another one: what they pass on, regions, and schedules."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.objectives.base import Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.content import ContentObjective
from das_core.objectives.prior import CanvasPixels, Prior
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective, WrappedObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import Output, class_objective, classifier, judge

# Without the coarsest levels, which reach over the edge of any region.
SPEC = StackSpec(64, 48, 8, levels=(16, 32, 64))
VIEWS = Augmentation(4, Windows(8))
SMALL, FEW_VIEWS = StackSpec(32, 32, 8), Augmentation(3, Windows(8))


def half(right: bool) -> Tensor:
    mask = torch.zeros(1, 48, 64)
    mask[:, :, 32:] = float(right)
    mask[:, :, :32] = float(not right)
    return mask


def climb(stack: ImageStack, objectives: list[Objective], steps: int = 3, **settings: Any) -> Result:
    return Ascent(stack, objectives, VIEWS, steps=steps, **settings).run()


def climb_small(*objectives: Objective, steps: int = 3, **settings: Any) -> Result:
    return Ascent(ImageStack.gray(SMALL), objectives, FEW_VIEWS, steps=steps, **settings).run()


def score(objective: Objective, output: Any) -> Tensor:
    """Return what the only term of an objective says of views of one image."""
    (term,) = objective.terms()
    return term.score_views(output, torch.zeros(2, dtype=torch.int64))


def weights(objective: Objective, *moments: float) -> list[float]:
    (term,) = objective.terms()
    return [term.weight_at(progress) for progress in moments]


class Brightness(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


WRAPPERS = {
    "plain": WrappedObjective,
    "region": lambda objective: RegionObjective(objective, half(True)),
    "schedule": lambda objective: ScheduledObjective(objective, 1.0, 1.0),
}


@each_case("kind", WRAPPERS)
def test_what_a_wrapper_does_not_change_it_passes_on(kind: str) -> None:
    image = torch.rand(1, 3, 40, 40)
    content = ContentObjective.from_images(classifier(), image, weight=-0.3)
    inner = RegionObjective(ScheduledObjective(content, 0.0, 1.0), half(False))
    wrapped = WRAPPERS[kind](inner)
    (term,) = wrapped.terms()
    assert term.judge is content.judge
    assert wrapped.name == "content"
    assert wrapped.weight == pytest.approx(-0.3)
    assert [term.weight_at(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([0.0, -0.15, -0.3])
    assert term.regions[-1] is inner.mask
    assert len(term.regions) == (2 if kind == "region" else 1)
    (reference,) = term.reference_images
    assert reference is image


@each_case("wrap", [*WRAPPERS.values(), lambda objective: ScheduledObjective(objective, 0.5, 1.0)])
def test_a_wrapper_leaves_scores_as_they_are(wrap: Callable[[Objective], Objective]) -> None:
    views = torch.rand(2, 3, 16, 16)
    wrapped = wrap(Output(judge(nn.Identity()), weight=3.0))
    assert torch.equal(score(wrapped, views), views.flatten(1).mean(dim=1))
    (term,) = wrapped.terms()
    assert term.judge is not None
    assert term.judge.name == "toy"
    canvas = CanvasPixels(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
    assert torch.equal(score(wrap(Prior()), canvas), Prior().score(canvas))


def test_a_region_moves_what_lies_under_it_and_two_go_their_own_ways() -> None:
    objective = RegionObjective(Output(judge(Brightness())), half(right=True))
    made = climb(ImageStack.gray(SPEC), [objective], optimizer=SGD(0.5))
    left, right = made.image[..., :20] - 0.5, made.image[..., 44:] - 0.5
    assert right.mean() > 10 * left.mean().abs()
    bright = Output(judge(Brightness()))
    objectives = [RegionObjective(bright, half(False)), RegionObjective(replace(bright, weight=-1.0), half(True))]
    image = climb(ImageStack.gray(SPEC), list(objectives), 6).image
    assert image[..., :24].mean() > 0.55
    assert image[..., 40:].mean() < 0.45


def test_a_region_keeps_name_weight_and_schedule() -> None:
    scheduled = ScheduledObjective(class_objective(1, weight=2.0), 0.0, 1.0)
    region = RegionObjective(scheduled, half(True))
    assert (region.name, region.weight) == (scheduled.name, 2.0)
    assert weights(region, 0.0, 0.5, 1.0) == [0.0, 1.0, 2.0]
    assert weights(RegionObjective(class_objective(1), half(True)), 0.5) == [1.0]
    outer = ScheduledObjective(RegionObjective(region, half(False)))
    assert [bool(mask[0, 0, 0]) for mask in outer.terms()[0].regions] == [True, False]
    assert class_objective(1).regions == ()


def test_a_region_of_everything_climbs_like_none() -> None:
    whole = climb(ImageStack.gray(SPEC), [RegionObjective(class_objective(), torch.ones(1, 5, 5))]).image
    torch.testing.assert_close(whole, climb(ImageStack.gray(SPEC), [class_objective()]).image, rtol=0, atol=1e-5)


def test_regions_raise_their_own_scores() -> None:
    objectives = [
        RegionObjective(class_objective(), half(False)),
        RegionObjective(class_objective(5, seed=1), half(True)),
    ]
    history = climb(ImageStack.gray(SPEC), list(objectives), 24).history
    for name in ("class 3", "class 5"):
        assert history[-1].scores[name] > history[0].scores[name] + 0.1


def test_every_image_of_a_batch_may_have_a_region_of_its_own() -> None:
    masks = torch.cat([half(False), half(True)])
    image = climb(ImageStack.gray(SPEC, 2), [RegionObjective(Output(judge(Brightness())), masks)], 6).image
    assert image[0, ..., :24].mean() > image[0, ..., 40:].mean() + 0.02
    assert image[1, ..., 40:].mean() > image[1, ..., :24].mean() + 0.02


@each_case(
    ("curve", "expected"),
    [("linear", [0.0, 0.5, 1.0, 1.5, 2.0]), ("cosine", [0.0, 0.2929, 1.0, 1.7071, 2.0]), ("step", [0, 0, 2, 2, 2])],
)
def test_a_schedule_goes_from_start_to_end(curve: str, expected: list[float]) -> None:
    scheduled = ScheduledObjective(class_objective(weight=2.0), 0.0, 1.0, curve)  # type: ignore[arg-type]
    assert weights(scheduled, 0, 0.25, 0.5, 0.75, 1) == pytest.approx(expected, abs=1e-4)
    assert (scheduled.name, scheduled.weight) == ("class 3", 2.0)
    twice = ScheduledObjective(scheduled, 1.0, 3.0)
    assert weights(twice, 1, 0.5) == pytest.approx([6.0, 2 * expected[2]])


@each_case(
    ("start", "end", "weight", "largest"),
    [(0.0, 1.0, 2.0, 2.0), (1.0, 0.0, 2.0, 2.0), (0.5, -2.0, 1.0, -2.0), (-0.5, 0.25, -4.0, 2.0), (0.0, 0.0, 2.0, 0.0)],
)
def test_the_weight_of_a_schedule_is_the_largest_in_size(
    start: float, end: float, weight: float, largest: float
) -> None:
    scheduled = ScheduledObjective(class_objective(weight=weight), start, end)
    assert scheduled.weight == largest
    assert max(weights(scheduled, *(done / 20 for done in range(21))), key=abs) == pytest.approx(largest)


def test_an_objective_that_fades_in_counts_at_the_end() -> None:
    # Both have one judge: the first objective is gone by the end.
    model = classifier(seed=1)
    first = ScheduledObjective(ClassObjective(model, ((3, 1.0),)), 1.0, 0.0, "step")
    then = ScheduledObjective(ClassObjective(model, ((5, 1.0),)), 0.0, 1.0, "step")
    optimizer = NormalizedAscent(coarse_to_fine=0)
    settings: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant", "focus": None}
    history = climb_small(first, then, steps=20, **settings).history
    score = {name: [record.scores[name] for record in history] for name in ("class 3", "class 5")}
    assert score["class 3"][9] > score["class 3"][0] + 0.1
    assert score["class 5"][19] > score["class 5"][10] + 0.1


def test_an_objective_faded_out_on_its_own_judge_leaves_the_other_alone_and_is_nothing_by_itself() -> None:
    out = ScheduledObjective(class_objective(5, seed=2), 0.0, 0.0)
    assert out.weight == 0
    torch.testing.assert_close(
        climb_small(class_objective(seed=1), out).image, climb_small(class_objective(seed=1)).image
    )
    with pytest.raises(ValueError, match="the weights of all objectives are 0"):
        climb_small(ScheduledObjective(class_objective(seed=1), 0.0, 0.0))


@each_case(("start", "end", "still"), [(0.0, 1.0, 0), (1.0, 0.0, 2)])
@each_case("optimizer", [NormalizedAscent(momentum=0.5), SGD(0.1, momentum=0.5), Adam()])
def test_a_step_without_weights_moves_nothing_and_the_ascent_goes_on(
    start: float, end: float, still: int, optimizer: Optimizer
) -> None:
    faded = ScheduledObjective(class_objective(seed=1), start, end)
    ascent = Ascent(ImageStack.noise(SPEC), [faded], VIEWS, steps=3, optimizer=optimizer, seed=1)
    canvases = [ascent.stack.canvas, *(step.stack.canvas for step in ascent)]
    assert [torch.equal(old, new) for old, new in pairwise(canvases)] == [number == still for number in range(3)]
    assert ascent.history[still].gradient_norm == 0
    assert ascent.stack.steps == 3


@each_case(
    ("settings", "says"),
    [
        ({"curve": "wave"}, "curve 'wave' is unknown; choose one of linear, cosine, step"),
        ({"start": float("nan")}, "the weight nan of the start"),
        ({"end": float("inf")}, "the weight inf of the end"),
    ],
)
def test_schedules_out_of_range_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ScheduledObjective(class_objective(), **settings)
