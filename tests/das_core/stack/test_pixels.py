"""From a canvas to pixels and back, and between colour spaces, against the formulas and autograd."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cases import each_case
from das_core.stack.pixels import (
    ColorSpace,
    crop_margin,
    from_rgb,
    invert_pixels,
    pull_back_gradient,
    render_pixels,
    to_rgb,
)

SPACES: tuple[ColorSpace, ...] = ("decorrelated", "rgb")
# lucid/optvis/param/color.py: the root of the covariance, divided by the largest norm of a column.
ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
MATRIX = ROOT / np.sqrt((ROOT**2).sum(axis=0)).max()


def canvas(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_decorrelated_colours_are_those_of_lucid() -> None:
    expected = np.einsum("ij,bjhw->bihw", MATRIX, canvas().numpy())
    np.testing.assert_allclose(to_rgb(canvas(), "decorrelated").numpy(), expected, rtol=1e-5, atol=1e-6)


@each_case("space", *SPACES)
@each_case(("dtype", "error"), (torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 0.1))
def test_the_inverse_is_one(space: ColorSpace, dtype: torch.dtype, error: float) -> None:
    x, before = canvas(dtype), canvas(dtype)
    for there_and_back in (from_rgb(to_rgb(x, space), space), to_rgb(from_rgb(x, space), space)):
        assert there_and_back.dtype == dtype
        torch.testing.assert_close(there_and_back, x, rtol=error, atol=error)
    assert torch.equal(x, before)


@each_case("function", to_rgb, from_rgb)
def test_rgb_is_left_alone_and_other_spaces_are_refused(function: Callable[..., Any]) -> None:
    x = canvas()
    assert function(x, "rgb") is x
    with pytest.raises(ValueError, match="color 'lab' is unknown; choose one of decorrelated, rgb"):
        function(x, "lab")


@each_case("color", *SPACES)
def test_pixels_are_those_of_the_tanh_and_their_gradient_is_that_of_autograd(color: ColorSpace) -> None:
    x = (3 * canvas()).requires_grad_()
    shown = render_pixels(x, color)
    torch.testing.assert_close(shown, (torch.tanh(to_rgb(x, color)) + 1) / 2)
    gradient = canvas().flip(2)
    (expected,) = torch.autograd.grad(shown, x, gradient)
    torch.testing.assert_close(pull_back_gradient(gradient, shown.detach(), color), expected)


@each_case("color", *SPACES)
def test_pixels_become_a_canvas_and_pixels_again_and_black_and_white_stay_finite(color: ColorSpace) -> None:
    pixels = torch.cat([torch.rand(1, 3, 6, 5), torch.zeros(1, 3, 6, 5), torch.ones(1, 3, 6, 5)])
    before = pixels.clone()
    shown = render_pixels(invert_pixels(pixels, color), color)
    torch.testing.assert_close(shown, pixels, atol=3e-6, rtol=0)
    assert torch.equal(pixels, before)


def test_a_margin_is_cut_from_all_sides() -> None:
    numbers = torch.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    assert torch.equal(crop_margin(numbers, 2), numbers[:, :, 2:3, 2:5])
    assert torch.equal(crop_margin(numbers, 0), numbers)
