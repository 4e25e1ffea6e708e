"""K against autograd through the interpolations, and its three forms against each other."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape, linear_levels, power_levels
from das_core.stack.linear_operator import StackOperator
from das_core.stack.matrix_operators import LevelsOperator
from das_core.stack.operator_forms import make_operator

CPU = torch.device("cpu")


def operator(method: str, canvas: Shape, levels: Sequence[int], gains: Sequence[float] | None = None) -> StackOperator[Any]:
    return make_operator(method, canvas, tuple(levels), tuple(gains or [1.0] * len(levels)), CPU)  # type: ignore[arg-type]


def naive(gradient: Tensor, levels: Sequence[int], gains: Sequence[float]) -> tuple[Tensor, list[Tensor]]:
    """K G and the gradient of every level, by autograd through torch's own interpolation in float64."""
    canvas = (gradient.shape[2], gradient.shape[3])
    stack = [
        torch.zeros(gradient.shape[0], 3, *level_shape(level, canvas), dtype=torch.float64, requires_grad=True)
        for level in levels
    ]

    def summed(parts: Sequence[Tensor]) -> Tensor:
        resized = [F.interpolate(part, size=canvas, mode="bicubic", align_corners=False) for part in parts]
        return torch.stack([gain * part for gain, part in zip(gains, resized, strict=True)]).sum(dim=0)

    (summed(stack) * gradient.double()).sum().backward()
    moved = [part.grad for part in stack if part.grad is not None]
    return summed(moved), moved


def pink(canvas: Shape, seed: int) -> Tensor:
    """Noise with the spectrum of photographs: amplitude falls as one over frequency."""
    white = torch.fft.rfft2(torch.randn(1, 3, *canvas, generator=torch.Generator().manual_seed(seed)))
    rows, columns = torch.fft.fftfreq(canvas[0])[:, None], torch.fft.rfftfreq(canvas[1])[None, :]
    frequency = (rows.square() + columns.square()).sqrt()
    frequency[0, 0] = 1 / max(canvas)
    return torch.fft.irfft2(white / frequency, s=canvas)


@pytest.mark.parametrize("method", ["exact", "layers"])
@pytest.mark.parametrize(
    ("canvas", "levels"),
    [((40, 40), (1, 2, 7, 19, 40)), ((24, 56), (1, 3, 20, 55)), ((56, 24), (1, 4, 16, 56)), ((17, 17), (17,))],
)
def test_exact_forms_are_autograd_through_the_interpolations(method: str, canvas: Shape, levels: list[int]) -> None:
    gradient = torch.randn(2, 3, *canvas, generator=torch.Generator().manual_seed(0))
    gains = [1.0 + 0.5 * i for i in range(len(levels))]
    expected, moved = naive(gradient, levels, gains)
    k = operator(method, canvas, levels, gains)
    torch.testing.assert_close(k.precondition(gradient).double(), expected, rtol=1e-4, atol=1e-4)
    layers = operator("layers", canvas, levels, gains)
    for level, reference in zip(layers.adjoint(gradient).tensors, moved, strict=True):
        torch.testing.assert_close(level.double(), reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("canvas", [(336, 336), (448, 320)])
@pytest.mark.parametrize("step", [4, 1])
@pytest.mark.parametrize("spectrum", ["white", "pink"])
def test_spectral_points_where_exact_does(canvas: Shape, step: int, spectrum: str) -> None:
    levels = linear_levels(max(canvas), step)
    gradient = pink(canvas, 1) if spectrum == "pink" else torch.randn(1, 3, *canvas)
    near = operator("spectral", canvas, levels).precondition(gradient)
    exact = operator("exact", canvas, levels).precondition(gradient)
    assert torch.cosine_similarity(near.flatten(), exact.flatten(), dim=0) > 0.99


def test_spectral_is_the_best_diagonal() -> None:
    """Its response is the diagonal of the exact K in the cosine basis, found here by applying K to every cosine."""
    canvas, levels = (10, 7), (1, 3, 10)
    spectral, exact = operator("spectral", canvas, levels), operator("exact", canvas, levels)
    units = torch.eye(70).reshape(70, 1, *canvas)
    cosines = spectral.basis.inverse(units)
    diagonal = (cosines * exact.precondition(cosines)).sum(dim=(1, 2, 3)).reshape(canvas)
    torch.testing.assert_close(spectral.precondition(cosines), cosines * diagonal.reshape(70, 1, 1, 1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
def test_operator_is_symmetric_and_positive(method: str) -> None:
    k = operator(method, (30, 22), power_levels(30))
    first, second = torch.randn(1, 3, 30, 22), torch.randn(1, 3, 30, 22)
    torch.testing.assert_close(
        (first * k.precondition(second)).sum(), (second * k.precondition(first)).sum(), rtol=1e-4, atol=1e-2
    )
    assert (first * k.precondition(first)).sum() > 0


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
def test_cutoff_is_a_low_pass_after_k(method: str) -> None:
    k = operator(method, (32, 48), (1, 4, 48))
    gradient = torch.randn(1, 3, 32, 48)
    expected = k.basis.filter(k.precondition(gradient), k.basis.gaussian(5.0))
    torch.testing.assert_close(k.precondition(gradient, 5.0), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_any_dtype_comes_in_and_float32_goes_out(method: str, dtype: torch.dtype) -> None:
    k = operator(method, (20, 20), (1, 5, 20))
    gradient = torch.randn(1, 3, 20, 20).to(dtype)
    moved = k.precondition(gradient)
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, k.precondition(gradient.float()))


def test_operator_is_built_once() -> None:
    first = operator("spectral", (20, 20), (1, 5, 20))
    assert operator("spectral", (20, 20), (1, 5, 20)) is first
    assert operator("exact", (20, 20), (1, 5, 20)) is not first


def test_operator_built_under_inference_mode_meets_autograd_later() -> None:
    with torch.inference_mode():
        k = operator("layers", (21, 21), (1, 5, 21))
    assert isinstance(k, LevelsOperator)
    gradient = torch.randn(1, 3, 21, 21, requires_grad=True)
    k.precondition(gradient).sum().backward()
    assert gradient.grad is not None
