"""The gradient of a step: against autograd from the canvas on, weights and chunks."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.focus import Focus
from das_core.ascent.loop import Ascent
from das_core.ascent.sgd import SGD
from das_core.objectives.change import over_steps
from das_core.objectives.classes import class_objective
from das_core.objectives.priors import CanvasPixels, prior
from das_core.objectives.term import Objective
from das_core.stack.color import ColorSpace, to_rgb
from das_core.stack.image_stack import ImageStack
from gradient_by_hand import CPU, PACE, differentiate, measure, noisy, total, views_by_hand
from toys import SPEC, VIEWS, classifier, judge, output_objective, score, toy_class


@each_case("color, weight", product(["rgb", "decorrelated"], [1.0, -0.3]))
def test_gradient_and_scores_are_those_by_hand_and_the_canvas_is_left_as_it_is(
    color: ColorSpace, weight: float
) -> None:
    stack, objective = noisy(color), toy_class(weight=weight)
    before = stack.canvas.clone()
    gradient, scores = measure(stack, [objective])
    assert torch.equal(stack.canvas, before)
    assert not stack.canvas.requires_grad
    assert not gradient.requires_grad
    expected = weight * differentiate(stack, total(toy_class(), stack))
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    # Scores are means over views and images, without their weight.
    logits = classifier()(views_by_hand(stack.pixels(), stack.spec, 32))
    assert scores == {"class 3": pytest.approx(float(logits[:, 3].mean()), rel=1e-5)}


def test_a_weight_is_that_of_the_moment_and_with_0_a_score_is_measured_and_leaves_the_gradient_alone() -> None:
    stack = noisy()
    fading = over_steps(toy_class(weight=2.0), 1.0, 0.0)
    now, _ = measure(stack, [fading])
    full, _ = measure(stack, [toy_class(weight=2.0)])
    torch.testing.assert_close(now, (1 - PACE.progress) * full)
    silent = toy_class(5, weight=0.0, seed=1)
    gradient, scores = measure(stack, [toy_class(), silent])
    alone, _ = measure(stack, [toy_class()])
    torch.testing.assert_close(gradient, alone)
    expected = classifier(seed=1)(views_by_hand(stack.pixels(), stack.spec, 32, number=1))[:, 5].mean()
    assert scores["class 5"] == pytest.approx(float(expected), rel=1e-5)


def test_objectives_of_one_judge_add_up_and_so_do_the_steps_that_they_lead_to() -> None:
    stack, model = noisy(), classifier()
    first, second = class_objective(model, 3, "logit"), class_objective(model, 5, "logit", weight=-0.5)
    together, scores = measure(stack, [first, second])
    expected = differentiate(stack, total(first, stack)) - 0.5 * differentiate(stack, total(second, stack))
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert list(scores) == ["class 3", "class 5"]

    def moved(*objectives: Objective) -> Tensor:
        # Emphasis depends on the gradient, so steps with it do not add up.
        focus = Focus(emphasis=0.0)
        ascent = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, optimizer=SGD(1.0), schedule="constant", focus=focus)
        return next(iter(ascent)).stack.canvas

    torch.testing.assert_close(moved(first, second), moved(first) + moved(second), rtol=1e-4, atol=1e-3)


def test_the_gradient_of_a_second_judge_has_the_scale_of_the_first() -> None:
    stack = noisy()
    first, second = toy_class(3, weight=2.0), toy_class(5, weight=-0.5, seed=1)
    gradient, _ = measure(stack, [first, second])
    one = 2.0 * differentiate(stack, total(first, stack))
    other = -0.5 * differentiate(stack, total(second, stack, number=1))
    operator = stack.spec.operator(CPU)
    # Measured by the change of the canvas, low-passed as the steps of this moment are, for each image by itself.
    sizes = [operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in (one, other)]
    factor = (sizes[0] / 2.0) / (sizes[1] / 0.5)
    expected = one + other * factor[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


@each_case("kind", ["total_variation", "l2", "spectrum", "range"])
def test_an_objective_without_a_judge_is_given_the_whole_canvas_and_its_start(kind: str) -> None:
    stack = noisy()
    stack = replace(stack, start=stack.start.flip(3))
    asked = prior(kind, weight=0.4)  # type: ignore[arg-type]
    gradient, scores = measure(stack, [asked])
    start = (torch.tanh(to_rgb(stack.start, stack.spec.color)) + 1) / 2
    expected = 0.4 * differentiate(stack, lambda pixels: score(asked, CanvasPixels(pixels, start)).sum())
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    (measured,) = scores.values()
    assert measured == pytest.approx(float(score(asked, CanvasPixels(stack.pixels(), start)).mean()), rel=1e-4)


@each_case("chunk", [1, 4, 5, 12])
def test_chunks_change_neither_the_gradient_nor_the_scores(chunk: int) -> None:
    # Twelve views: chunks that end within an image, and that span two.
    stack, objectives = noisy(), [toy_class(), toy_class(5, seed=1)]
    gradient, scores = measure(stack, objectives, chunk=chunk)
    whole, expected = measure(stack, objectives)
    assert float((gradient - whole).norm() / whole.norm()) < 1e-5
    assert scores == pytest.approx(expected, rel=1e-5)


@each_case("chunk", [1, 5, 0])
def test_chunks_change_nothing_but_rounding_in_a_step(chunk: int) -> None:
    stack = ImageStack.gray(SPEC, 2)
    whole = Ascent(stack, [toy_class()], VIEWS, chunk=12)
    parts = Ascent(stack, [toy_class()], VIEWS, chunk=chunk)
    first = next(iter(whole))
    again = next(iter(parts))
    assert again.record.gradient_norm == pytest.approx(first.record.gradient_norm, rel=1e-5)
    difference = (again.stack.canvas - first.stack.canvas).norm() / first.stack.canvas.norm()
    assert difference < 1e-5


def test_a_judge_that_does_not_look_has_a_gradient_of_0() -> None:
    class Blind(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return torch.ones(len(views), 1)

    gradient, scores = measure(noisy(), [output_objective(judge(Blind()))])
    assert not bool(gradient.any())
    assert scores == {"output": pytest.approx(1.0)}
