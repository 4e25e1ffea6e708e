"""Where and when an objective counts, and objectives that divide their views."""

from collections import Counter
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
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.change import in_region, over_steps, share_views
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier, judge, output_objective, toy_class

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


def weights(objective: Objective, *moments: float) -> list[float]:
    (term,) = objective.terms
    return [term.weight_at(progress) for progress in moments]


class Brightness(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


def test_what_a_change_does_not_concern_stays() -> None:
    content = content_objective(classifier(), torch.rand(1, 3, 40, 40), weight=-0.3)
    (before,) = content.terms
    (term,) = in_region(over_steps(in_region(content, half(False)), 0.0, 1.0), half(True)).terms
    assert (term.judge, term.score, term.name) == (before.judge, before.score, "content")
    assert term.references is before.references
    assert [term.weight_at(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([0.0, -0.15, -0.3])
    assert [bool(mask[0, 0, 0]) for mask in term.regions] == [False, True]
    assert before.regions == ()


def test_a_region_moves_what_lies_under_it_and_two_go_their_own_ways() -> None:
    objective = in_region(output_objective(judge(Brightness())), half(right=True))
    made = climb(ImageStack.gray(SPEC), [objective], optimizer=SGD(0.5))
    left, right = made.image[..., :20] - 0.5, made.image[..., 44:] - 0.5
    assert right.mean() > 10 * left.mean().abs()
    bright = output_objective(judge(Brightness()))
    image = climb(ImageStack.gray(SPEC), [in_region(bright, half(False)), in_region(-bright, half(True))], 6).image
    assert image[..., :24].mean() > 0.55
    assert image[..., 40:].mean() < 0.45


def test_a_region_of_everything_climbs_like_none() -> None:
    whole = climb(ImageStack.gray(SPEC), [in_region(toy_class(), torch.ones(1, 5, 5))]).image
    torch.testing.assert_close(whole, climb(ImageStack.gray(SPEC), [toy_class()]).image, rtol=0, atol=1e-5)


def test_regions_raise_their_own_scores() -> None:
    objectives = [in_region(toy_class(), half(False)), in_region(toy_class(5, seed=1), half(True))]
    history = climb(ImageStack.gray(SPEC), objectives, 24).history
    for name in ("class 3", "class 5"):
        assert history[-1].scores[name] > history[0].scores[name] + 0.1


def test_every_image_of_a_batch_may_have_a_region_of_its_own() -> None:
    masks = torch.cat([half(False), half(True)])
    image = climb(ImageStack.gray(SPEC, 2), [in_region(output_objective(judge(Brightness())), masks)], 6).image
    assert image[0, ..., :24].mean() > image[0, ..., 40:].mean() + 0.02
    assert image[1, ..., 40:].mean() > image[1, ..., :24].mean() + 0.02


@each_case(
    ("curve", "expected"),
    [("linear", [0.0, 0.5, 1.0, 1.5, 2.0]), ("cosine", [0.0, 0.2929, 1.0, 1.7071, 2.0]), ("step", [0, 0, 2, 2, 2])],
)
def test_a_schedule_goes_from_start_to_end(curve: str, expected: list[float]) -> None:
    scheduled = over_steps(toy_class(weight=2.0), 0.0, 1.0, curve)  # type: ignore[arg-type]
    assert weights(scheduled, 0, 0.25, 0.5, 0.75, 1) == pytest.approx(expected, abs=1e-4)
    assert weights(over_steps(scheduled, 1.0, 3.0), 1, 0.5) == pytest.approx([6.0, 2 * expected[2]])


def test_an_objective_that_fades_in_counts_at_the_end() -> None:
    # Both have one judge: the first objective is gone by the end.
    model = classifier(seed=1)
    first = over_steps(class_objective(model, 3, "logit"), 1.0, 0.0, "step")
    then = over_steps(class_objective(model, 5, "logit"), 0.0, 1.0, "step")
    optimizer = NormalizedAscent(coarse_to_fine=0)
    settings: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant", "focus": None}
    history = climb_small(first, then, steps=20, **settings).history
    score = {name: [record.scores[name] for record in history] for name in ("class 3", "class 5")}
    assert score["class 3"][9] > score["class 3"][0] + 0.1
    assert score["class 5"][19] > score["class 5"][10] + 0.1


def test_an_objective_faded_out_on_its_own_judge_leaves_the_other_alone_and_is_nothing_by_itself() -> None:
    out = over_steps(toy_class(5, seed=2), 0.0, 0.0)
    torch.testing.assert_close(climb_small(toy_class(seed=1), out).image, climb_small(toy_class(seed=1)).image)
    with pytest.raises(ValueError, match="the weights of all objectives are 0"):
        climb_small(over_steps(toy_class(seed=1), 0.0, 0.0))


@each_case(("start", "end", "still"), [(0.0, 1.0, 0), (1.0, 0.0, 2)])
@each_case("optimizer", [NormalizedAscent(momentum=0.5), SGD(0.1, momentum=0.5), Adam()])
def test_a_step_without_weights_moves_nothing_and_the_ascent_goes_on(
    start: float, end: float, still: int, optimizer: Optimizer
) -> None:
    faded = over_steps(toy_class(seed=1), start, end)
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
        over_steps(toy_class(), **settings)


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
    objective = share_views(*(output_objective(judge(module)) for module in modules))
    ascent = Ascent(ImageStack.gray(SMALL, batch), [objective], Augmentation(views, Windows(8)), steps=steps)
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
def test_each_judge_sees_its_share_of_the_views(
    parts: int, views: int, steps: int, batch: int, expected: list[list[int]]
) -> None:
    assert count_views([Counting() for _ in range(parts)], views, steps, batch) == expected


@each_case("views", [2, 5, 6])
def test_the_score_is_the_mean_over_all_views(views: int) -> None:
    modules = [Counting(0.0), Counting(10.0)]
    objective = share_views(*(output_objective(judge(module), name="bright") for module in modules))
    ascent = Ascent(ImageStack.gray(SMALL), [objective], Augmentation(views, Windows(8), ()), steps=2)
    record = next(iter(ascent)).record
    assert record.scores["bright"] == pytest.approx(10 * 0.5 * (views // 2) / views, abs=1e-4)


def test_an_ensemble_of_models_is_an_ensemble_of_objectives_whatever_the_chunk() -> None:
    models = [classifier(seed=1), classifier(24, seed=2)]
    of_models = class_objective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    of_objectives = share_views(*(class_objective(model, ((3, 1.0),)) for model in models))
    images = [
        Ascent(ImageStack.gray(SMALL), [one], Augmentation(5, Windows(8)), steps=3, chunk=chunk).run().image
        for one, chunk in ((of_models, 100), (of_objectives, 100), (of_models, 1), (of_models, 3))
    ]
    for other in images[1:]:
        torch.testing.assert_close(other, images[0], rtol=0, atol=1e-3)


def test_the_weights_of_what_is_shared_are_shares_of_the_step() -> None:
    # Two objectives pull apart: the one with the larger weight decides, whatever the scales of their scores.
    up = output_objective(judge(Counting(1.0)), "up", 0.4)
    down = output_objective(judge(Counting(-1000.0)), "down", 0.6)
    views = Augmentation(8, Windows(8), ())
    result = Ascent(ImageStack.gray(SMALL), share_views(up, down), views, steps=3, focus=None).run()
    assert float(result.image.mean()) < 0.5


def test_what_is_shared_has_one_name_and_the_text_that_all_agree_on() -> None:
    castle, reef = (output_objective(judge(Counting()), name=name) for name in ("castle", "reef"))
    assert {term.name for term in share_views(castle, castle).terms} == {"castle"}
    assert {term.name for term in share_views(castle, -2 * reef).terms} == {"castle, reef"}
    assert [term.share for term in share_views(share_views(castle, reef), castle).terms] == [(0, 3), (1, 3), (2, 3)]
    sure = [class_objective(classifier(), ((number, 1.0),), "log_probability") for number in (3, 3, 4)]
    assert share_views(*sure).terms[0].describe(-0.222) == "80%"
    assert share_views(*sure, castle).terms[0].describe(-0.222) == "-0.222"


@each_case(
    ("objectives", "says"),
    [
        ((), "an ensemble of 0 shares out nothing"),
        ((prior("total_variation"),), "an ensemble of 1 shares out nothing"),
        ((output_objective(judge(Counting())), prior("total_variation")), "'total variation' asks no model"),
    ],
)
def test_what_shares_out_nothing_is_refused(objectives: tuple[Objective, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        share_views(*objectives)
