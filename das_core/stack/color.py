"""The colour spaces of a canvas, before the tanh: `rgb`, and `decorrelated`, whose channels are uncorrelated in
photographs.

The first channel of `decorrelated` is nearly grey and changes the pixels most. Steps that treat all channels alike give
more natural colours there.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import keep_copy

ColorSpace = Literal["decorrelated", "rgb"]
"""The name of a colour space."""

# A square root of the covariance of the colours of natural images, measured on ImageNet; from lucid (Olah et al.,
# Feature Visualization, 2017; lucid/optvis/param/color.py). As in lucid, it is divided by the norm of its longest
# column.
_ROOT_COVARIANCE = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float32)
_DECORRELATED_TO_RGB = _ROOT_COVARIANCE / _ROOT_COVARIANCE.norm(dim=0).max()

# Inverted once and in float64, so that to_rgb(from_rgb(x)) equals x up to rounding errors of float32 on every device.
_RGB_TO_DECORRELATED = torch.linalg.inv(_DECORRELATED_TO_RGB.double())
_GRADIENT_FROM_RGB = _DECORRELATED_TO_RGB.T


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


def gradient_from_rgb(gradient: Tensor, space: ColorSpace) -> Tensor:
    """Pull a gradient back through `to_rgb`."""
    return _mix(_GRADIENT_FROM_RGB, gradient, space)
