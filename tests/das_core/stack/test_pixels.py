"""From a canvas to pixels and back, against the formula and autograd."""

import torch

from cases import each_case
from das_core.stack.pixels import crop_margin, invert_pixels, pull_back_gradient, render_pixels


@each_case("color", ["rgb", "decorrelated"])
def test_gradient_through_tanh_and_colours_is_that_of_autograd(color: str) -> None:
    canvas = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    shown = render_pixels(canvas, color)  # type: ignore[arg-type]
    (expected,) = torch.autograd.grad(shown, canvas, gradient)
    by_hand = pull_back_gradient(gradient, shown.detach(), color)  # type: ignore[arg-type]
    torch.testing.assert_close(by_hand, expected)


def test_pixels_are_those_of_the_tanh() -> None:
    canvas = torch.randn(2, 3, 6, 5, dtype=torch.float64) * 3
    torch.testing.assert_close(render_pixels(canvas, "rgb"), (torch.tanh(canvas) + 1) / 2)


@each_case("color", ["rgb", "decorrelated"])
def test_pixels_become_a_canvas_and_pixels_again_and_black_and_white_stay_finite(color: str) -> None:
    pixels = torch.cat([torch.rand(1, 3, 6, 5), torch.zeros(1, 3, 6, 5), torch.ones(1, 3, 6, 5)])
    before = pixels.clone()
    shown = render_pixels(invert_pixels(pixels, color), color)  # type: ignore[arg-type]
    torch.testing.assert_close(shown, pixels, atol=3e-6, rtol=0)
    assert torch.equal(pixels, before)


def test_a_margin_is_cut_from_all_sides() -> None:
    canvas = torch.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    assert torch.equal(crop_margin(canvas, 2), canvas[:, :, 2:3, 2:5])
    assert torch.equal(crop_margin(canvas, 0), canvas)
