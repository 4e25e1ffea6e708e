"""Colour spaces in which a canvas can be kept."""

from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice

ColorSpace = Literal["decorrelated", "rgb"]

# Square root of the covariance of natural images' colours, measured on ImageNet; from lucid (Olah et al., Feature
# Visualization, 2017; lucid/optvis/param/color.py), which divides it by its longest column.
_ROOT_COVARIANCE = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
_DECORRELATED_TO_RGB = _ROOT_COVARIANCE / _ROOT_COVARIANCE.norm(dim=0).max()

# Inverted once and in double precision: to_rgb(from_rgb(x)) is x to within float32 on every device.
_RGB_TO_DECORRELATED = torch.linalg.inv(_DECORRELATED_TO_RGB.double())


def _mix(matrix: Tensor, canvas: Tensor, space: ColorSpace) -> Tensor:
    if space == "rgb":
        return canvas
    check_choice("color", space, get_args(ColorSpace))
    return torch.einsum("ij,bjhw->bihw", matrix.to(canvas), canvas)


def to_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """A canvas (B, 3, H, W) of this colour space as rgb, before the tanh."""
    return _mix(_DECORRELATED_TO_RGB, canvas, space)


def from_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """The inverse of `to_rgb`."""
    return _mix(_RGB_TO_DECORRELATED, canvas, space)


def gradient_from_rgb(gradient: Tensor, space: ColorSpace) -> Tensor:
    """The gradient (B, 3, H, W) with respect to a canvas of this space, given the one with respect to its rgb."""
    return _mix(_DECORRELATED_TO_RGB.T, gradient, space)
