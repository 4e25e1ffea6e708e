"""Converts a canvas to pixels by (tanh + 1) / 2, and a gradient at the pixels to one at the canvas; crops margins."""

from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import keep_copy
from ..common.interruption import allow_interrupt
from ..common.modes import without_autocast

ColorSpace = Literal["decorrelated", "rgb"]
"""`decorrelated` has channels that are uncorrelated in photographs; steps that treat all channels alike give more
natural colours there. The first one is nearly grey and changes the pixels most."""

# A square root of the covariance of the colours of natural images, divided by the norm of its longest column, from
# lucid (Olah et al., Feature Visualization, 2017; lucid/optvis/param/color.py).
_ROOT_COVARIANCE = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float32)
_DECORRELATED_TO_RGB = _ROOT_COVARIANCE / _ROOT_COVARIANCE.norm(dim=0).max()
# In float64, so that to_rgb(from_rgb(x)) equals x up to rounding errors of float32 on every device.
_RGB_TO_DECORRELATED = torch.linalg.inv(_DECORRELATED_TO_RGB.double())
_GRADIENT_FROM_RGB, _GRADIENT_TO_RGB = _DECORRELATED_TO_RGB.T, _RGB_TO_DECORRELATED.T
_FAINTEST = 1e-5  # A channel with a smaller share of the largest gradient of its pixel has none but by rounding.

_EDGE = 1e-6  # How near a pixel may come to 0 and to 1 when it becomes a value of a canvas: the tanh reaches neither.


@without_autocast()
def _mix(matrix: Tensor, canvas: Tensor, space: ColorSpace) -> Tensor:
    """Multiply the channels of a canvas by a matrix, unless the space is rgb."""
    if space == "rgb":
        return canvas
    check_choice("color", space, get_args(ColorSpace))
    return torch.einsum("ij,bjhw->bihw", keep_copy(matrix, canvas), canvas)


def to_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """Convert a canvas from a colour space to rgb."""
    return _mix(_DECORRELATED_TO_RGB, canvas, space)


def from_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """Convert a canvas from rgb to a colour space; the inverse of `to_rgb`."""
    return _mix(_RGB_TO_DECORRELATED, canvas, space)


def render_pixels(canvas: Tensor, color: ColorSpace) -> Tensor:
    """Convert a canvas to pixels: convert it to rgb, then apply (tanh + 1) / 2."""
    # sigmoid(2 x) is (tanh(x) + 1) / 2, in one pass over the memory.
    allow_interrupt()
    return torch.sigmoid(2 * to_rgb(canvas, color))


def invert_pixels(pixels: Tensor, color: ColorSpace) -> Tensor:
    """Return the canvas that `render_pixels` converts to these pixels; 0 and 1 become the nearest possible values."""
    return from_rgb(pixels.clamp(_EDGE, 1 - _EDGE).logit_().div_(2), color)


def pull_back_gradient(gradient: Tensor, shown: Tensor, color: ColorSpace) -> Tensor:
    """Pull a gradient back through `render_pixels`."""
    # The derivative of (tanh + 1) / 2 in terms of its own value p is 2 p (1 - p).
    allow_interrupt()
    return _mix(_GRADIENT_FROM_RGB, (1 - shown).mul_(shown).mul_(2).mul_(gradient), color)


def lift_gradient(gradient: Tensor, shown: Tensor, color: ColorSpace) -> Tensor:
    """Return the gradient at the pixels, given that at the canvas: the inverse of `pull_back_gradient`."""
    at_pixels = _mix(_GRADIENT_TO_RGB, gradient, color).div((1 - shown).mul_(shown).mul_(2))
    sizes = at_pixels.abs()
    return at_pixels.where(sizes > _FAINTEST * sizes.amax(dim=1, keepdim=True), 0.0)


def crop_margin(canvas: Tensor, margin: int) -> Tensor:
    """Return a canvas (B, C, H, W) without its margin, whose width on each side is given in pixels."""
    return canvas[:, :, margin : canvas.shape[2] - margin, margin : canvas.shape[3] - margin]
