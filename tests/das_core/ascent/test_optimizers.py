"""Each optimizer against torch's own on explicit levels."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from das_core.operator import operator_of
from das_core.optimizers import SGD, Adam, Optimizer, State, UnitAscent
from das_core.schedule import Pace

CPU = torch.device("cpu")
CANVAS, LEVELS = (24, 24), (1, 3, 10, 24)
FULL = Pace(1.0, 1.0)


def run(optimizer: Optimizer, gradients: list[Tensor], method: str) -> State:
    k = operator_of(method, CANVAS, LEVELS, (1.0,) * len(LEVELS), CPU)  # type: ignore[arg-type]
    nothing = torch.zeros(1, 3, *CANVAS)
    state = State(nothing, nothing, k.pull(nothing))
    for gradient in gradients:
        state = optimizer.step(state, gradient, k, FULL)
    return state


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
        for part, reference in zip(state.parameters, levels, strict=True):
            torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)


def test_adam_is_torchs_adam() -> None:
    expected, levels = naive(lambda p: torch.optim.Adam(p, lr=0.02), gradients())
    state = run(Adam(0.02), gradients(), "layers")
    torch.testing.assert_close(state.canvas, expected, rtol=1e-4, atol=1e-5)
    assert state.parameters is not None
    for part, reference in zip(state.parameters, levels, strict=True):
        torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)


def test_unit_ascent_moves_every_channel_by_its_step_size() -> None:
    gradient = gradients(1)[0] * torch.tensor([1e-6, 1.0, 1e6])[:, None, None]
    state = run(UnitAscent(0.05), [gradient], "spectral")
    moved = state.canvas.square().mean(dim=(2, 3)).sqrt()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.05))


def test_unit_ascent_leaves_a_channel_without_gradient_alone() -> None:
    gradient = gradients(1)[0] * torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    state = run(UnitAscent(), [gradient], "spectral")
    assert torch.equal(state.canvas[:, 1], torch.zeros(1, *CANVAS))
    assert torch.isfinite(state.canvas).all()


def test_unit_ascent_goes_along_k_times_the_gradient() -> None:
    gradient = gradients(1)[0]
    k = operator_of("exact", CANVAS, LEVELS, (1.0,) * len(LEVELS), CPU)
    state = run(UnitAscent(), [gradient], "exact")
    assert torch.cosine_similarity(state.canvas[0, 0].flatten(), k.apply(gradient)[0, 0].flatten(), dim=0) > 0.9999


def test_momentum_averages_directions() -> None:
    first, second = gradients(2)
    alone = run(UnitAscent(0.1), [second], "exact").canvas
    both = run(UnitAscent(0.1, momentum=0.75), [first, second], "exact").canvas
    before = run(UnitAscent(0.1), [first], "exact").canvas
    torch.testing.assert_close(both, before + 0.75 * before + 0.25 * alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", [UnitAscent(momentum=0.5), SGD(momentum=0.5), Adam()])
def test_a_step_mutates_nothing(optimizer: Optimizer) -> None:
    method = "layers" if optimizer.needs_layers else "exact"
    k = operator_of(method, CANVAS, LEVELS, (1.0,) * len(LEVELS), CPU)  # type: ignore[arg-type]
    first, second = gradients(2)
    zero = torch.zeros(1, 3, *CANVAS)
    state = optimizer.step(State(zero, zero, k.pull(zero)), first, k, FULL)
    assert state.momentum is not None
    kept = [tensor.clone() for tensor in (state.canvas, second, *state.momentum.tensors, *(state.parameters or ()))]
    optimizer.step(state, second, k, FULL)
    after = (state.canvas, second, *state.momentum.tensors, *(state.parameters or ()))
    assert all(torch.equal(a, b) for a, b in zip(kept, after, strict=True))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UnitAscent(step_size=0), "step_size 0"),
        (lambda: UnitAscent(step_size=float("nan")), "step_size nan"),
        (lambda: UnitAscent(momentum=1.0), "momentum 1.0"),
        (lambda: UnitAscent(coarse_to_fine=1.1), "coarse_to_fine 1.1"),
        (lambda: SGD(learning_rate=-1), "learning_rate -1"),
        (lambda: SGD(momentum=-0.1), "momentum -0.1"),
        (lambda: Adam(learning_rate=0), "learning_rate 0"),
    ],
)
def test_bad_settings_are_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
