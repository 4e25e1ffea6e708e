"""Where and when an objective counts, and objectives that divide their views."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case, refuses
from das_core.ascent.optimizers import Optimizer
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.change import in_region, over_steps, share_views
from toys import Mean, classifier, half, judge, output_objective, toy_class

# Without the coarsest levels, which reach over the edge of any region.
SPEC = da.StackSpec(64, 48, 8, levels=(16, 32, 64))
SMALL = da.StackSpec(32, 32, 8)


def climb(*objectives: da.Objective, steps: int = 3, batch: int = 1, **settings: Any) -> Tensor:
    views = da.views.Augmentation(4, da.views.Windows(8))
    return da.Ascent(da.ImageStack.gray(SPEC, batch), objectives, views, steps=steps, **settings).run().image


BRIGHT = output_objective(judge(Mean()))


def test_what_a_change_does_not_concern_stays() -> None:
    content = -0.3 * da.content(torch.rand(1, 3, 40, 40)).on(classifier())
    (before,) = content.list_terms()
    (term,) = in_region(over_steps(in_region(content, half(False)), 0.0, 1.0), half(True)).list_terms()
    assert (term.judge, term.score, term.name) == (before.judge, before.score, "content")
    assert term.references is before.references
    assert [bool(mask[0, 0, 0]) for mask in term.regions] == [False, True]
    assert before.regions == ()


def test_a_region_moves_what_lies_under_it_two_go_their_own_ways_and_one_of_everything_is_none() -> None:
    image = climb(in_region(BRIGHT, half(right=True)), optimizer=da.ascent.SGD(0.5)) - 0.5
    assert image[..., 44:].mean() > 10 * image[..., :20].mean().abs()
    image = climb(in_region(BRIGHT, half(False)), in_region(-BRIGHT, half(True)), steps=6)
    assert image[..., :24].mean() > 0.55
    assert image[..., 40:].mean() < 0.45
    whole = climb(in_region(toy_class(), torch.ones(1, 5, 5)))
    torch.testing.assert_close(whole, climb(toy_class()), rtol=0, atol=1e-5)


def test_every_image_of_a_batch_may_have_a_region_of_its_own() -> None:
    image = climb(in_region(BRIGHT, torch.cat([half(False), half(True)])), steps=6, batch=2)
    assert image[0, ..., :24].mean() > image[0, ..., 40:].mean() + 0.02
    assert image[1, ..., 40:].mean() > image[1, ..., :24].mean() + 0.02


@each_case(
    ("curve", "expected"),
    ("linear", [0.0, 0.5, 1.0, 1.5, 2.0]),
    ("cosine", [0.0, 0.2929, 1.0, 1.7071, 2.0]),
    ("step", [0, 0, 2, 2, 2]),
)
def test_a_schedule_goes_from_start_to_end(curve: Any, expected: list[float]) -> None:
    scheduled = over_steps(toy_class(weight=2.0), 0.0, 1.0, curve)
    assert [scheduled.list_terms()[0].weight_at(progress / 4) for progress in range(5)] == pytest.approx(
        expected, abs=1e-4
    )
    twice = over_steps(scheduled, 1.0, 3.0).list_terms()[0]
    assert (twice.weight_at(1), twice.weight_at(0.5)) == pytest.approx((6.0, 2 * expected[2]))


@each_case(("start", "end", "still"), (0.0, 1.0, 0), (1.0, 0.0, 2))
@each_case("optimizer", da.ascent.NormalizedAscent(), da.ascent.SGD(0.1, momentum=0.5), da.ascent.Adam())
def test_a_step_without_weights_moves_nothing_and_the_ascent_goes_on(
    start: float, end: float, still: int, optimizer: Optimizer
) -> None:
    faded = over_steps(toy_class(seed=1), start, end)
    ascent = da.Ascent(da.ImageStack.noise(SMALL), faded, steps=3, optimizer=optimizer, seed=1)
    canvases = [ascent.stack.canvas, *(step.stack.canvas for step in ascent)]
    assert [torch.equal(old, new) for old, new in pairwise(canvases)] == [number == still for number in range(3)]
    assert ascent.history[still].gradient_norm == 0
    assert ascent.stack.steps == 3


test_what_changes_nothing_or_is_out_of_range_is_refused = refuses(
    lambda change: change(),
    (lambda: over_steps(toy_class(), curve="wave"), "curve 'wave' is unknown; choose one of linear, cosine, step"),  # type: ignore[arg-type]
    (lambda: over_steps(toy_class(), start=math.nan), "the weight nan of the start"),
    (lambda: over_steps(toy_class(), end=math.inf), "the weight inf of the end"),
    (lambda: climb(over_steps(toy_class(), 0.0, 0.0)), "the weights of all objectives are 0"),
    (lambda: share_views(toy_class()), "an ensemble of 1 shares out nothing"),
    (lambda: share_views(toy_class(), da.prior("total_variation")), "'total variation' asks no model"),
)


class Counting(nn.Module):
    """Counts the views that it is shown in each step."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor, self.views = factor, [0]

    def forward(self, views: Tensor) -> Tensor:
        self.views[-1] += len(views)
        return views * self.factor


@each_case(
    ("parts", "views", "steps", "batch", "expected"),
    (2, 6, 2, 1, [[3, 3], [3, 3]]),
    (2, 6, 1, 2, [[6], [6]]),
    # Views that do not divide go round.
    (2, 3, 4, 1, [[2, 1, 2, 1], [1, 2, 1, 2]]),
    # With fewer views than parts all have their turn.
    (3, 1, 3, 1, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
)
def test_each_judge_sees_its_share_of_the_views(
    parts: int, views: int, steps: int, batch: int, expected: list[list[int]]
) -> None:
    modules = [Counting() for _ in range(parts)]
    objective = share_views(*(output_objective(judge(module)) for module in modules))
    augmentation = da.views.Augmentation(views, da.views.Windows(8))
    for _ in da.Ascent(da.ImageStack.gray(SMALL, batch), objective, augmentation, steps=steps):
        for module in modules:
            module.views.append(0)
    assert [module.views[:-1] for module in modules] == expected


@each_case("views", 2, 5)
def test_the_score_is_the_mean_over_all_views(views: int) -> None:
    objective = share_views(*(output_objective(judge(Counting(factor)), "bright") for factor in (0.0, 10.0)))
    ascent = da.Ascent(
        da.ImageStack.gray(SMALL), objective, da.views.Augmentation(views, da.views.Windows(8), ()), steps=2
    )
    scores = next(iter(ascent)).record.scores
    assert scores["bright"] == pytest.approx(10 * 0.5 * (views // 2) / views, abs=1e-4)


def test_an_ensemble_of_models_is_an_ensemble_of_objectives_whatever_the_chunk() -> None:
    models = [classifier(seed=1), classifier(24, seed=2)]
    of_models = da.classes(3).on(ClassifierEnsemble.from_members(models))
    of_objectives = share_views(*(da.classes(3).on(model) for model in models))
    reference = climb(of_models, chunk=100)
    for one, chunk in ((of_objectives, 100), (of_models, 1), (of_models, 3)):
        torch.testing.assert_close(climb(one, chunk=chunk), reference, rtol=0, atol=1e-3)


def test_the_weights_of_what_is_shared_are_shares_of_the_step() -> None:
    # Two objectives pull apart: the one with the larger weight decides, whatever the scales of their scores.
    up = output_objective(judge(Counting(1.0)), "up", 0.4)
    down = output_objective(judge(Counting(-1000.0)), "down", 0.6)
    assert float(climb(share_views(up, down), focus=None).mean()) < 0.5


def test_what_is_shared_has_one_name_and_the_text_that_all_agree_on() -> None:
    castle, reef = (output_objective(judge(Counting()), name=name) for name in ("castle", "reef"))
    assert {term.name for term in share_views(castle, castle).list_terms()} == {"castle"}
    assert {term.name for term in share_views(castle, -2 * reef).list_terms()} == {"castle, reef"}
    nested = share_views(share_views(castle, reef), castle)
    assert [term.share for term in nested.list_terms()] == [(0, 3), (1, 3), (2, 3)]
    sure = [da.classes(number, "log_probability").on(classifier()) for number in (3, 3, 4)]
    assert share_views(*sure).list_terms()[0].describe(-0.222) == "80%"
    assert share_views(*sure, castle).list_terms()[0].describe(-0.222) == ""
