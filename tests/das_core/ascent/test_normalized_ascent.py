"""The size and the direction of the steps of NormalizedAscent."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.pace import Pace
from das_core.common.masks import mean_square
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import make_operator
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from flat_stack import CANVAS, CPU, FULL, LEVELS, flat, gradients, run
from toys import judge, output_objective


def test_unit_ascent_moves_every_channel_that_has_a_gradient_by_its_step_size() -> None:
    gradient = gradients(1)[0] * torch.tensor([1e-6, 1.0, 1e6])[:, None, None]
    state = run(NormalizedAscent(0.05), [gradient], "spectral")
    moved = state.canvas.square().mean(dim=(2, 3)).sqrt()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.05))
    gradient = gradients(1)[0] * torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    state = run(NormalizedAscent(), [gradient], "spectral")
    assert torch.equal(state.canvas[:, 1], torch.zeros(1, *CANVAS))
    assert torch.isfinite(state.canvas).all()


def test_unit_ascent_goes_along_k_times_the_gradient() -> None:
    gradient = gradients(1)[0]
    k = make_operator("layers", CANVAS, LEVELS, CPU)
    state = run(NormalizedAscent(), [gradient], "layers")
    assert (
        torch.cosine_similarity(state.canvas[0, 0].flatten(), k.precondition(gradient)[0, 0].flatten(), dim=0) > 0.9999
    )


def test_momentum_averages_directions() -> None:
    first, second = gradients(2)
    alone = run(NormalizedAscent(0.1), [second], "layers").canvas
    both = run(NormalizedAscent(0.1, momentum=0.75), [first, second], "layers").canvas
    before = run(NormalizedAscent(0.1), [first], "layers").canvas
    torch.testing.assert_close(both, before + 0.75 * before + 0.25 * alone, rtol=1e-4, atol=1e-6)


def test_unit_ascent_takes_the_rms_of_what_lies_under_a_mask_such_as_that_of_a_stack() -> None:
    gradient = gradients(1)[0]
    mask = torch.zeros(1, 1, *CANVAS)
    mask[..., 4:12, 6:20] = torch.linspace(0.2, 1.0, 14)
    stack = flat("spectral")
    moved = NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL, mask).canvas
    weighted = (moved.double().square() * mask).sum(dim=(2, 3)) / mask.double().sum()
    torch.testing.assert_close(weighted.sqrt(), torch.full_like(weighted, 0.05), rtol=1e-4, atol=0)
    # The direction is that without a mask: what lies outside is not cut off.
    free = NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL).canvas
    assert float(torch.cosine_similarity(moved[0, 0].flatten(), free[0, 0].flatten(), dim=0)) > 0.99999

    class MeanColour(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return views.mean(dim=(2, 3))

    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(3))
    mask = torch.zeros(1, 40, 48)
    mask[:, 10:30, 12:32] = 1
    stack = ImageStack.from_image(StackSpec(48, 40, 8), image).place_into(image, mask)
    views, optimizer = Augmentation(4, Windows(8)), NormalizedAscent(0.06)
    objective = output_objective(judge(MeanColour()))
    ascent = Ascent(stack, [objective], views, steps=1, schedule="constant", optimizer=optimizer, denoising=None)
    climbed = ascent.run().stack
    assert climbed.surroundings is not None
    rms = mean_square(climbed.canvas - climbed.start, climbed.surroundings.mask).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.06), rtol=1e-4, atol=0)


def test_unit_ascent_low_passes_its_steps_while_it_is_coarse_and_tilts_them() -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    coarse = Pace(1.0, 0.25)
    operator = stack.spec.operator(CPU)
    moved = NormalizedAscent(0.05).step(stack, gradient, operator, coarse).canvas
    direction = operator.precondition(gradient, coarse.cutoff(CANVAS[0]))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected)
    fine = NormalizedAscent(0.05).step(stack, gradient, operator, FULL).canvas
    assert not torch.allclose(moved, fine, rtol=1e-3, atol=1e-3)
    moved = NormalizedAscent(0.05).step(stack, gradient, operator, replace(FULL, tilt=1.0)).canvas
    direction = operator.basis.filter(operator.precondition(gradient), operator.basis.tilt(1.0))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)
