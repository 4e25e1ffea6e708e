"""Views like photographs: in the runs of the other objectives, with an effect in proportion to the weight."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import das_core as da
from das_core.ascent.plan import make_plan
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.fold import fold_batch_norm
from das_core.models.judge import Judge
from das_core.models.labels import number_labels
from das_core.objectives.natural import natural_objective
from gradient_by_hand import CPU, PACE, differentiate, measure, noisy, total, views_by_hand
from toys import SPEC, VIEWS, climb


def make_classifier(seed: int = 0) -> da.Classifier:
    """A classifier that learns the statistics of some noise in place of photographs."""
    torch.manual_seed(seed)
    begin = (nn.Conv2d(3, 16, 5, stride=2), nn.BatchNorm2d(16), nn.SiLU())
    more = (nn.Conv2d(16, 16, 3, stride=2), nn.BatchNorm2d(16), nn.SiLU())
    module = nn.Sequential(*begin, *more, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    for _ in range(30):
        module(torch.randn(16, 3, 32, 32).cumsum(3) / 4)
    half = (0.5, 0.5, 0.5)
    folded = fold_batch_norm(module.eval().requires_grad_(False))
    return da.Classifier("toy", folded, 32, half, half, labels=number_labels(10))


def test_it_joins_the_runs_of_its_model_with_a_first_effect_of_its_weight() -> None:
    stack, model = noisy(), make_classifier()
    wanted, natural = da.class_objective(model, 3, "logit"), natural_objective(model, 0.3)
    (group,) = make_plan(2.0 * wanted + natural, stack.spec, stack.batch).groups
    assert [member.name for member in group.members] == ["class 3", "photographs"]
    gradient, scores = measure(stack, [2.0 * wanted + natural])

    def near(pixels: Tensor) -> Tensor:
        judge: Any = natural.terms[0].judge
        views = views_by_hand(pixels, stack.spec, 32)
        return -judge.answer(views, [(0, 0)] * len(views)).distances.sum() / VIEWS.views

    parts = [2.0 * differentiate(stack, total(wanted, stack)), 0.3 * differentiate(stack, near)]
    operator = stack.spec.operator(CPU)
    first, second = (operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in parts)
    expected = parts[0] + parts[1] * ((first / 2.0) / (second / 0.3))[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    assert scores["photographs"] == pytest.approx(float(near(stack.pixels())) / stack.batch, rel=1e-4)
    # Views are compared each by itself, so chunks change nothing.
    in_chunks, _ = measure(stack, [2.0 * wanted + natural], chunk=5)
    assert float((in_chunks - gradient).norm() / gradient.norm()) < 1e-5


def test_the_model_runs_as_often_as_without_it_once_it_has_begun() -> None:
    model, runs = make_classifier(), list[int]()
    model.module.register_forward_hook(lambda *_: runs.append(1))
    wanted, stack = da.class_objective(model, 3, variety=0.5), da.ImageStack.gray(SPEC, batch=2)
    for objective in (wanted, wanted + natural_objective(model)):
        steps = iter(da.Ascent(stack, objective, VIEWS, steps=4))
        next(steps), next(steps)
        runs.clear()
        assert len(list(steps)) == 2
        assert len(runs) == 2 * 2 * VIEWS.views / 4


def test_pictures_are_nearer_to_photographs_alone_beside_a_class_and_in_films() -> None:
    model = make_classifier()
    wanted, natural = da.class_objective(model, 3, "logit"), natural_objective(model, 1.0)
    frames = da.ImageStack.gray(replace(SPEC, time=da.Time(3)))
    for stack in (da.ImageStack.gray(SPEC), frames):
        without, beside, alone = (
            da.score_images(climb(stack, asked, steps=12).image, natural).table.mean()
            for asked in (wanted, wanted + natural, natural)
        )
        assert without < beside < alone


def test_it_may_begin_later_and_act_in_a_region() -> None:
    stack, model = noisy(), make_classifier()
    wanted, natural = da.class_objective(model, 3, "logit"), natural_objective(model, 0.3)
    # The weight of one of the two is 0 at the first step, and both act in the end.
    for begins, alone in ((wanted + da.over_steps(natural), wanted), (da.over_steps(wanted) + natural, natural)):
        pictures = [climb(stack, asked, steps=3, denoising=None).image for asked in (begins, alone)]
        assert float((pictures[0] - pictures[1]).abs().amax(dim=(1, 2, 3)).min()) > 1e-3
    left = torch.zeros(1, 48, 48)
    left[..., :24] = 1
    for asked, groups in ((da.in_region(wanted + natural, left), 1), (wanted + da.in_region(natural, left), 2)):
        assert len(make_plan(asked, stack.spec, stack.batch).groups) == groups


def test_an_ensemble_divides_it_and_a_model_without_norms_is_named() -> None:
    models = ClassifierEnsemble.from_members([make_classifier(), make_classifier(1)])
    both = natural_objective(models, 0.2)
    assert [(term.weight, term.share) for term in both.terms] == [(0.1, (0, 2)), (0.1, (1, 2))]
    plan = make_plan(da.class_objective(models, 3) + both, SPEC, 1)
    assert [len(group.members) for group in plan.groups] == [2, 2]
    with pytest.raises(ValueError, match="plain has no batch norms"):
        natural_objective(Judge("plain", nn.Conv2d(3, 3, 1), 32, (0.0,) * 3, (1.0,) * 3))
