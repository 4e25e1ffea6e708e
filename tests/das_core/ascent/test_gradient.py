"""The gradient of a step against autograd from the canvas on; weights, chunks, and the balance of several groups."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case
from das_core.ascent.gradient import balance_gradients
from das_core.common.seeding import make_generator
from das_core.objectives.change import over_steps
from das_core.objectives.priors import CanvasPixels, prior
from das_core.stack.pixels import ColorSpace, to_rgb
from gradient_by_hand import CPU, PACE, differentiate, measure, noisy, total, views_by_hand
from toys import classifier, judge, output_objective, score, toy_class


@each_case("color, fading", *product(["rgb", "decorrelated"], [False, True]))
def test_gradient_and_scores_are_those_by_hand(color: ColorSpace, fading: bool) -> None:
    """Two terms of one judge, one of another, and one without a weight, whose score is measured all the same."""
    stack, model = noisy(color), classifier()
    before = stack.canvas.clone()
    first, second = (da.classes(number, "logit").on(model) for number in (3, 5))
    other, silent = toy_class(4, seed=1), toy_class(7, seed=2)
    asked = [2.0 * first, -0.5 * second, -0.3 * other, 0.0 * silent]
    gradient, scores = measure(stack, [over_steps(one, 1.0, 0.0) for one in asked] if fading else asked)
    assert torch.equal(stack.canvas, before)
    assert not gradient.requires_grad
    by_hand = [differentiate(stack, total(one, stack, number)) for one, number in ((first, 0), (second, 0), (other, 1))]
    parts = [2.0 * by_hand[0] - 0.5 * by_hand[1], -0.3 * by_hand[2]]
    # Measured by the change of the canvas, low-passed as the steps of this moment are, for each image by itself.
    operator = stack.spec.operator(CPU)
    sizes = [operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in parts]
    factor = (sizes[0] / 2.5) / (sizes[1] / 0.3)
    expected = (parts[0] + parts[1] * factor[:, None, None, None]) * (1 - PACE.progress if fading else 1)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    # Scores are means over views and images, without their weight.
    for name, (seed, target, number) in {"class 3": (0, 3, 0), "class 4": (1, 4, 1), "class 7": (2, 7, 2)}.items():
        logits = classifier(seed=seed)(views_by_hand(stack.pixels(), stack.spec, 32, number))
        assert scores[name] == pytest.approx(float(logits[:, target].mean()), rel=1e-4)


@each_case("kind", "total_variation", "l2", "spectrum", "range")
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


@each_case("chunk", 1, 4, 5, 12)
def test_chunks_change_neither_the_gradient_nor_the_scores(chunk: int) -> None:
    # Twelve views: chunks that end within an image, and that span two.
    stack, objectives = noisy(), [toy_class(), toy_class(5, seed=1)]
    gradient, scores = measure(stack, objectives, chunk=chunk)
    whole, expected = measure(stack, objectives)
    assert float((gradient - whole).norm() / whole.norm()) < 1e-5
    assert scores == pytest.approx(expected, rel=1e-5)


def test_a_judge_that_does_not_look_has_a_gradient_of_0() -> None:
    class Blind(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return torch.ones(len(views), 1)

    gradient, scores = measure(noisy(), [output_objective(judge(Blind()))])
    assert not bool(gradient.any())
    assert scores == {"output": pytest.approx(1.0)}


def draw(*key: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 8, 9, generator=make_generator(*key))


def length(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).norm(dim=1)


def same(part: Tensor) -> Tensor:
    return part


def test_the_others_are_brought_to_the_scale_of_the_first_measured_by_where_they_lead() -> None:
    first, second, third = draw(1), 1000 * draw(2), 1e-6 * draw(3)
    total = balance_gradients([first, second, third], [1.0, 2.0, 0.5], same)
    expected = first
    for weight, part in ((2.0, second), (0.5, third)):
        expected = expected + part * weight * (length(first) / length(part))[:, None, None, None]
    torch.testing.assert_close(total, expected)

    # A stack that lets red through and nothing else.
    def red(part: Tensor) -> Tensor:
        return part * torch.tensor([1.0, 0.0, 0.0])[:, None, None]

    second = draw(2) * torch.tensor([1.0, 1e3, 1e3])[:, None, None]
    total = balance_gradients([first, second], [1.0, 1.0], red)
    torch.testing.assert_close(length(red(total - first)), length(red(first)))


def test_images_of_a_batch_are_scaled_each_by_itself_and_its_weight_and_the_frames_of_a_film_as_one() -> None:
    first, second = draw(1), draw(2) * torch.tensor([1.0, 1e4])[:, None, None, None]
    both = balance_gradients([first, second], [1.0, 1.0], same)
    for item in range(2):
        alone = balance_gradients([first[item : item + 1], second[item : item + 1]], [1.0, 1.0], same)
        torch.testing.assert_close(both[item : item + 1], alone)
    total = balance_gradients([first, second], [1.0, torch.tensor([0.5, 0.0])[:, None, None, None]], same)
    torch.testing.assert_close(total[0], balance_gradients([first, second], [1.0, 0.5], same)[0])
    torch.testing.assert_close(total[1], first[1])
    total = balance_gradients([first, second], [1.0, 0.5], same, as_one=True)
    torch.testing.assert_close(total, first + second * 0.5 * float(first.norm() / second.norm()))


def test_a_gradient_alone_or_beside_one_that_changes_nothing_stays_as_it_is() -> None:
    gradient, nothing = draw(1), torch.zeros(2, 3, 8, 9)
    assert balance_gradients([gradient], [3.0], same) is gradient
    for gradients in ([nothing, gradient], [gradient, nothing]):
        assert torch.equal(balance_gradients(gradients, [1.0, 1.0], same), draw(1))
    assert torch.equal(balance_gradients([gradient, nothing], [1.0, 0.0], same), draw(1))
    assert not bool(balance_gradients([nothing, nothing], [1.0, 1.0], same).any())
    # What is not a number stays visible.
    broken = draw(2)
    broken[0, 0, 0, 0] = torch.nan
    for gradients in ([broken, draw(1)], [draw(1), broken]):
        assert bool(balance_gradients(gradients, [1.0, 1.0], same)[0].isnan().any())
