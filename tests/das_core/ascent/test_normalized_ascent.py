"""The size and the direction of the steps of NormalizedAscent."""

from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.pace import Pace
from das_core.common.masks import mean_square
from flat_stack import CANVAS, CPU, FULL, flat, gradients, run
from masked_stack import VIEWS, part
from toys import toy_class


def test_every_channel_that_has_a_gradient_moves_by_the_step_size() -> None:
    gradient = gradients(1)[0] * torch.tensor([1e-6, 0.0, 1e6])[:, None, None]
    moved = run(NormalizedAscent(0.05), [gradient], "spectral").canvas
    assert moved.square().mean(dim=(2, 3)).sqrt()[0].tolist() == pytest.approx([0.05, 0.0, 0.05])


@each_case("method", ["layers", "spectral"])
def test_momentum_averages_directions(method: str) -> None:
    first, second = gradients(2)
    alone = run(NormalizedAscent(0.1), [second], method).canvas
    both = run(NormalizedAscent(0.1, momentum=0.75), [first, second], method).canvas
    before = run(NormalizedAscent(0.1), [first], method).canvas
    torch.testing.assert_close(both, before + 0.75 * before + 0.25 * alone, rtol=1e-4, atol=1e-6)


def test_the_rms_is_that_of_what_lies_under_a_mask_such_as_that_of_a_stack() -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    mask = torch.zeros(1, 1, *CANVAS)
    mask[..., 4:12, 6:20] = torch.linspace(0.2, 1.0, 14)
    moved = NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL, mask).canvas
    weighted = (moved.double().square() * mask).sum(dim=(2, 3)) / mask.double().sum()
    torch.testing.assert_close(weighted.sqrt(), torch.full_like(weighted, 0.05), rtol=1e-4, atol=0)
    # The direction is that without a mask: what lies outside is not cut off.
    free = NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL).canvas
    assert float(torch.cosine_similarity(moved[0, 0].flatten(), free[0, 0].flatten(), dim=0)) > 0.99999
    masked, optimizer = part(), NormalizedAscent(0.06)
    ascent = Ascent(masked, toy_class(), VIEWS, steps=1, optimizer=optimizer, denoising=None)
    climbed = ascent.run().stack
    assert climbed.surroundings is not None
    rms = mean_square(climbed.canvas - masked.canvas, climbed.surroundings.mask).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.06), rtol=1e-4, atol=0)


@each_case("pace", [FULL, Pace(1.0, 0.25), replace(FULL, tilt=1.0)])
def test_steps_go_along_k_which_is_low_passed_while_they_are_coarse_and_tilted(pace: Pace) -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    operator = stack.spec.operator(CPU)
    moved = NormalizedAscent(0.05).step(stack, gradient, operator, pace).canvas
    direction = operator.precondition(gradient, pace.cutoff(CANVAS[0]))
    if pace.tilt:
        direction = operator.basis.filter(direction, operator.basis.tilt(pace.tilt))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)
