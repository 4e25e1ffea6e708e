"""What every form of K promises: its symmetry, its low-pass, its frozen bands and its types."""

from collections.abc import Sequence
from typing import get_args

import scipy.fft
import torch

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.bands import FINEST, Band
from das_core.stack.linear_operator import StackOperator
from das_core.stack.parametrizations import OperatorForm, make_operator
from toys import draw

CPU = torch.device("cpu")
CANVAS = (24, 32)


def operator(
    method: OperatorForm, tile: bool = False, frozen: Sequence[Band] = (), canvas: Shape = CANVAS
) -> StackOperator:
    return make_operator(method, canvas, (1, 5, 12, 32), CPU, tile, tuple(frozen))


@each_case("tile", False, True)
@each_case("method", *get_args(OperatorForm))
def test_k_is_linear_symmetric_and_positive(method: OperatorForm, tile: bool) -> None:
    k, one, other = operator(method, tile), draw(1, 3, *CANVAS), draw(1, 3, *CANVAS, seed=1)
    expected = k.precondition(one) - 0.3 * k.precondition(other)
    torch.testing.assert_close(k.precondition(one - 0.3 * other), expected, rtol=1e-4, atol=1e-4)
    products = [(one * k.precondition(other)).sum(), (other * k.precondition(one)).sum()]
    torch.testing.assert_close(*products, rtol=1e-4, atol=1e-2)
    assert (one * k.precondition(one)).sum() > 0


@each_case("method", *get_args(OperatorForm))
def test_a_cutoff_is_a_low_pass_after_k_and_a_tilt_a_filter_after_both(method: OperatorForm) -> None:
    k, g = operator(method), draw(1, 3, *CANVAS)
    expected = k.basis.filter(k.precondition(g), k.basis.gaussian(5.0))
    torch.testing.assert_close(k.precondition(g, 5.0), expected, rtol=1e-4, atol=1e-4)
    for cutoff in (None, 5.0):
        expected = k.basis.filter(k.precondition(g, cutoff), k.basis.tilt(0.7))
        torch.testing.assert_close(k.precondition(g, cutoff, 0.7), expected, rtol=1e-4, atol=1e-4)


@each_case("method", *get_args(OperatorForm))
@each_case("dtype", torch.float64, torch.bfloat16)
def test_any_dtype_comes_in_and_float32_goes_out_and_what_comes_in_is_not_changed(
    method: OperatorForm, dtype: torch.dtype
) -> None:
    k, g = operator(method, frozen=[(1, 5)]), draw(1, 3, *CANVAS).to(dtype)
    before = g.clone()
    moved = k.precondition(g, 4.0)
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, k.precondition(g.float(), 4.0))
    assert torch.equal(g, before)


@each_case("tile", False, True)
@each_case("method", *get_args(OperatorForm))
def test_with_frozen_bands_k_works_between_two_projections(method: OperatorForm, tile: bool) -> None:
    free, frozen = (operator(method, tile, bands) for bands in ((), [(5, 12)]))
    g = draw(1, 3, *CANVAS)
    expected = frozen.remove_frozen(free.precondition(frozen.remove_frozen(g)))
    torch.testing.assert_close(frozen.precondition(g), expected, rtol=1e-4, atol=1e-4)
    assert (expected - free.precondition(g)).norm() > 0.01 * expected.norm()


def test_what_is_frozen_and_nothing_else_is_taken_out() -> None:
    g = draw(1, 3, *CANVAS)
    # Level 8 is six samples high: up to five half-waves down and seven across.
    coefficients = scipy.fft.dctn(g.numpy(), axes=(2, 3), norm="ortho")
    coefficients[..., 6:, :] = 0
    coefficients[..., 8:] = 0
    expected = torch.from_numpy(scipy.fft.idctn(coefficients, axes=(2, 3), norm="ortho"))
    left = operator("layers", frozen=[(9, FINEST)]).remove_frozen(g)
    torch.testing.assert_close(left, expected, rtol=0, atol=1e-5)
    assert operator("layers").remove_frozen(g) is g
