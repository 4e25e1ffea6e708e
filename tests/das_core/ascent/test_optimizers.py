"""Each optimizer against torch's own on explicit levels; the size of steps, and what is remembered between them."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD, Adam, NormalizedAscent, Optimizer
from das_core.ascent.pace import Pace
from das_core.common.masks import mean_square
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import make_operator
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import Output, judge

CPU = torch.device("cpu")
CANVAS, LEVELS = (24, 24), (1, 3, 10, 24)
FULL = Pace(1.0, 1.0)


def flat(method: str) -> ImageStack:
    spec = StackSpec(CANVAS[1], CANVAS[0], 0, LEVELS, method=method)  # type: ignore[arg-type]
    nothing = torch.zeros(1, 3, *CANVAS)
    return ImageStack(spec, nothing, nothing, spec.operator(CPU).adjoint(nothing))


def run(optimizer: Optimizer, gradients: list[Tensor], method: str) -> ImageStack:
    stack = flat(method)
    for gradient in gradients:
        stack = optimizer.step(stack, gradient, stack.spec.operator(CPU), FULL)
    return stack


def gradients(count: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, 3, *CANVAS, generator=generator) for _ in range(count)]


def naive(maker: object, steps: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The canvas and levels after torch's own optimizer climbed the same gradients through the interpolations."""
    levels = [torch.zeros(1, 3, r, r, requires_grad=True) for r in LEVELS]
    optimizer = maker(levels)  # type: ignore[operator]

    def canvas() -> Tensor:
        return torch.stack([F.interpolate(p, size=CANVAS, mode="bicubic") for p in levels]).sum(dim=0)

    for gradient in steps:
        optimizer.zero_grad()
        (-canvas() * gradient).sum().backward()
        optimizer.step()
    return canvas().detach(), [p.detach() for p in levels]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("method", ["exact", "layers"])
def test_sgd_is_torchs_sgd(momentum: float, method: str) -> None:
    expected, levels = naive(lambda p: torch.optim.SGD(p, lr=0.01, momentum=momentum), gradients())
    state = run(SGD(0.01, momentum), gradients(), method)
    torch.testing.assert_close(state.canvas, expected, rtol=1e-4, atol=1e-5)
    if method == "layers":
        assert state.parameters is not None
        for part, reference in zip(state.parameters.tensors, levels, strict=True):
            torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)


def test_adam_is_torchs_adam() -> None:
    expected, levels = naive(lambda p: torch.optim.Adam(p, lr=0.02), gradients())
    state = run(Adam(0.02), gradients(), "layers")
    torch.testing.assert_close(state.canvas, expected, rtol=1e-4, atol=1e-5)
    assert state.parameters is not None
    for part, reference in zip(state.parameters.tensors, levels, strict=True):
        torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)


def test_unit_ascent_moves_every_channel_by_its_step_size() -> None:
    gradient = gradients(1)[0] * torch.tensor([1e-6, 1.0, 1e6])[:, None, None]
    state = run(NormalizedAscent(0.05), [gradient], "spectral")
    moved = state.canvas.square().mean(dim=(2, 3)).sqrt()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.05))


def test_unit_ascent_leaves_a_channel_without_gradient_alone() -> None:
    gradient = gradients(1)[0] * torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    state = run(NormalizedAscent(), [gradient], "spectral")
    assert torch.equal(state.canvas[:, 1], torch.zeros(1, *CANVAS))
    assert torch.isfinite(state.canvas).all()


def test_unit_ascent_goes_along_k_times_the_gradient() -> None:
    gradient = gradients(1)[0]
    k = make_operator("exact", CANVAS, LEVELS, (1.0,) * len(LEVELS), CPU)
    state = run(NormalizedAscent(), [gradient], "exact")
    assert (
        torch.cosine_similarity(state.canvas[0, 0].flatten(), k.precondition(gradient)[0, 0].flatten(), dim=0) > 0.9999
    )


def test_momentum_averages_directions() -> None:
    first, second = gradients(2)
    alone = run(NormalizedAscent(0.1), [second], "exact").canvas
    both = run(NormalizedAscent(0.1, momentum=0.75), [first, second], "exact").canvas
    before = run(NormalizedAscent(0.1), [first], "exact").canvas
    torch.testing.assert_close(both, before + 0.75 * before + 0.25 * alone, rtol=1e-4, atol=1e-6)


def test_unit_ascent_takes_the_rms_of_what_lies_under_a_mask() -> None:
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


def test_the_steps_of_a_masked_stack_are_as_large_under_its_mask_as_elsewhere() -> None:
    class MeanColour(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return views.mean(dim=(2, 3))

    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(3))
    mask = torch.zeros(1, 40, 48)
    mask[:, 10:30, 12:32] = 1
    stack = ImageStack.from_image(StackSpec(48, 40, 8), image).place_into(image, mask)
    views, optimizer = Augmentation(4, Windows(8)), NormalizedAscent(0.06)
    objective = Output(judge(MeanColour()))
    ascent = Ascent(stack, [objective], views, steps=1, schedule="constant", optimizer=optimizer, denoising=None)
    moved = ascent.run().stack
    assert moved.surroundings is not None
    rms = mean_square(moved.canvas - moved.start, moved.surroundings.mask).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.06), rtol=1e-4, atol=0)


def test_unit_ascent_low_passes_its_steps_while_it_is_coarse() -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    coarse = Pace(1.0, 0.25)
    operator = stack.spec.operator(CPU)
    moved = NormalizedAscent(0.05).step(stack, gradient, operator, coarse).canvas
    direction = operator.precondition(gradient, coarse.cutoff(CANVAS[0]))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected)
    fine = NormalizedAscent(0.05).step(stack, gradient, operator, FULL).canvas
    assert not torch.allclose(moved, fine, rtol=1e-3, atol=1e-3)


def test_unit_ascent_tilts_its_steps() -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    operator = stack.spec.operator(CPU)
    moved = NormalizedAscent(0.05).step(stack, gradient, operator, replace(FULL, tilt=1.0)).canvas
    direction = operator.basis.filter(operator.precondition(gradient), operator.basis.tilt(1.0))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", [NormalizedAscent(0.05), SGD(0.01), Adam(0.02)])
def test_the_rate_of_the_pace_scales_a_step(optimizer: Optimizer) -> None:
    gradient, stack = gradients(1)[0], flat("layers" if optimizer.needs_levels else "exact")
    operator = stack.spec.operator(CPU)
    whole = optimizer.step(stack, gradient, operator, FULL).canvas
    quarter = optimizer.step(stack, gradient, operator, Pace(0.25, 1.0)).canvas
    torch.testing.assert_close(quarter, whole / 4, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", [NormalizedAscent(momentum=0.5), SGD(0.01, 0.9), Adam()])
def test_the_state_of_an_optimizer_of_another_kind_is_not_used(optimizer: Optimizer) -> None:
    first, second = gradients(2)
    stack = flat("layers" if optimizer.needs_levels else "exact")
    operator = stack.spec.operator(CPU)
    fresh = optimizer.step(stack, second, operator, FULL)
    own = optimizer.step(stack, first, operator, FULL).optimizer_state
    assert own is not None
    assert own.kind == optimizer.kind
    foreign = replace(own, kind="another")
    after_another = optimizer.step(replace(stack, optimizer_state=foreign), second, operator, FULL)
    assert torch.equal(after_another.canvas, fresh.canvas)
    after_own = optimizer.step(replace(stack, optimizer_state=own), second, operator, FULL)
    assert not torch.equal(after_own.canvas, fresh.canvas)


@pytest.mark.parametrize("optimizer", [NormalizedAscent(momentum=0.5), SGD(momentum=0.5), Adam()])
def test_a_step_mutates_nothing(optimizer: Optimizer) -> None:
    method = "layers" if optimizer.needs_levels else "exact"
    first, second = gradients(2)
    k = flat(method).spec.operator(CPU)
    stack = optimizer.step(flat(method), first, k, FULL)

    def tensors() -> list[Tensor]:
        assert stack.optimizer_state is not None
        parameters = stack.parameters.tensors if stack.parameters else ()
        return [stack.canvas, second, *stack.optimizer_state.tensors, *parameters]

    kept = [tensor.clone() for tensor in tensors()]
    optimizer.step(stack, second, k, FULL)
    assert all(torch.equal(a, b) for a, b in zip(kept, tensors(), strict=True))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: NormalizedAscent(step_size=0), "step_size 0"),
        (lambda: NormalizedAscent(step_size=float("nan")), "step_size nan"),
        (lambda: NormalizedAscent(momentum=1.0), "momentum 1.0"),
        (lambda: NormalizedAscent(coarse_to_fine=1.1), "coarse_to_fine 1.1"),
        (lambda: NormalizedAscent(step_size=1e308), r"step_size 1e\+308 must be above 0 and at most 1e\+30"),
        (lambda: SGD(learning_rate=1e308), r"learning_rate 1e\+308"),
        (lambda: SGD(learning_rate=-1), "learning_rate -1"),
        (lambda: SGD(momentum=-0.1), "momentum -0.1"),
        (lambda: Adam(learning_rate=0), "learning_rate 0"),
        (lambda: Adam(betas=(1.0, 0.999)), r"beta 1.0 is not between 0 and 1 \(excluded\)"),
        (lambda: Adam(betas=(0.9, -0.1)), "beta -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
