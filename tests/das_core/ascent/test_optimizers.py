"""Each optimizer against torch's own on explicit levels."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from das_core.ascent.optimizers import SGD, Adam, NormalizedAscent, Optimizer
from das_core.ascent.pace import Pace
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import make_operator
from das_core.stack.spec import StackSpec

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
        (lambda: SGD(learning_rate=-1), "learning_rate -1"),
        (lambda: SGD(momentum=-0.1), "momentum -0.1"),
        (lambda: Adam(learning_rate=0), "learning_rate 0"),
    ],
)
def test_bad_settings_are_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
