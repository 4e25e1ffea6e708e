"""What every form of K promises: its halves, its symmetry, its low-pass, its frozen bands and its types."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.bands import FINEST, Band
from das_core.stack.levels import power_levels
from das_core.stack.linear_operator import StackOperator
from das_core.stack.parametrizations import OperatorForm, make_operator

CPU = torch.device("cpu")
METHODS: tuple[OperatorForm, ...] = ("spectral", "layers")


def operator(
    method: OperatorForm, canvas: Shape, levels: Sequence[int], tile: bool = False, frozen: Sequence[Band] = ()
) -> StackOperator[Any]:
    return make_operator(method, canvas, tuple(levels), CPU, tile, tuple(frozen))


def gradient(*canvas: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(batch, 3, *canvas, generator=torch.Generator().manual_seed(seed))


@each_case("tile", [False, True])
@each_case("method", METHODS)
def test_both_halves_are_linear_and_k_together(method: OperatorForm, tile: bool) -> None:
    k = operator(method, (24, 32), (1, 5, 32), tile)
    both = gradient(24, 32, batch=2)
    torch.testing.assert_close(k.forward(k.adjoint(both)), k.precondition(both), rtol=1e-5, atol=1e-5)
    one, other = gradient(24, 32), gradient(24, 32, seed=1)
    summed = k.adjoint(one).add(k.adjoint(other), alpha=-0.3)
    for part, expected in zip(summed.tensors, k.adjoint(one - 0.3 * other).tensors, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        k.forward(summed), k.forward(k.adjoint(one)) - 0.3 * k.forward(k.adjoint(other)), rtol=1e-4, atol=1e-4
    )


@each_case("method", METHODS)
def test_operator_is_symmetric_and_positive(method: OperatorForm) -> None:
    k = operator(method, (30, 22), power_levels(30))
    first, second = torch.randn(1, 3, 30, 22), torch.randn(1, 3, 30, 22)
    torch.testing.assert_close(
        (first * k.precondition(second)).sum(), (second * k.precondition(first)).sum(), rtol=1e-4, atol=1e-2
    )
    assert (first * k.precondition(first)).sum() > 0


@each_case("method", METHODS)
def test_a_cutoff_is_a_low_pass_after_k_and_a_tilt_a_filter_after_both(method: OperatorForm) -> None:
    k = operator(method, (32, 48), (1, 4, 48))
    g = torch.randn(1, 3, 32, 48)
    expected = k.basis.filter(k.precondition(g), k.basis.gaussian(5.0))
    torch.testing.assert_close(k.precondition(g, 5.0), expected, rtol=1e-4, atol=1e-4)
    for cutoff in (None, 5.0):
        expected = k.basis.filter(k.precondition(g, cutoff), k.basis.tilt(0.7))
        torch.testing.assert_close(k.precondition(g, cutoff, 0.7), expected, rtol=1e-4, atol=1e-4)


@each_case("method", METHODS)
@each_case("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_any_dtype_comes_in_and_float32_goes_out(method: OperatorForm, dtype: torch.dtype) -> None:
    k = operator(method, (20, 20), (1, 5, 20))
    g = torch.randn(1, 3, 20, 20).to(dtype)
    moved = k.precondition(g)
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, k.precondition(g.float()))


@each_case("tile", [False, True])
@each_case("method", METHODS)
def test_with_frozen_bands_k_works_between_two_projections(method: OperatorForm, tile: bool) -> None:
    free, frozen = (operator(method, (24, 32), (1, 5, 12, 32), tile, bands) for bands in ((), [(5, 12)]))
    g = gradient(24, 32)
    expected = frozen.remove_frozen(free.precondition(frozen.remove_frozen(g)))
    torch.testing.assert_close(frozen.precondition(g), expected, rtol=1e-4, atol=1e-4)
    assert (expected - free.precondition(g)).norm() > 0.01 * expected.norm()


def test_what_is_frozen_and_nothing_else_is_taken_out_once_and_for_all() -> None:
    frozen = operator("layers", (24, 32), (1, 5, 32), frozen=[(9, FINEST)])
    g = gradient(24, 32)
    left = frozen.remove_frozen(g)
    torch.testing.assert_close(frozen.remove_frozen(left), left, rtol=0, atol=1e-5)
    # Level 8 is six samples high: up to five half-waves down and seven across.
    coefficients = frozen.basis.forward(g)
    coefficients[..., 6:, :] = 0
    coefficients[..., 8:] = 0
    torch.testing.assert_close(left, frozen.basis.inverse(coefficients), rtol=0, atol=1e-5)
    assert operator("layers", (24, 32), (1, 5, 32)).remove_frozen(g) is g


@each_case("method", METHODS)
def test_a_gradient_is_not_changed(method: OperatorForm) -> None:
    k = operator(method, (24, 32), (1, 5, 32), frozen=[(1, 5)])
    g = gradient(24, 32)
    before = g.clone()
    k.precondition(g, 4.0)
    k.forward(k.adjoint(g))
    assert torch.equal(g, before)
