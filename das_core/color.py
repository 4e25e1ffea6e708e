"""Colour spaces in which a canvas can be kept."""

from typing import Literal

import torch
from torch import Tensor

ColorSpace = Literal["decorrelated", "rgb"]

# Square root of the covariance of natural images' colours, measured on ImageNet; from lucid (Olah et al., Feature
# Visualization, 2017; lucid/optvis/param/color.py), which divides it by its longest column.
_ROOT_COVARIANCE = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
_DECORRELATED_TO_RGB = _ROOT_COVARIANCE / _ROOT_COVARIANCE.norm(dim=0).max()


def _matrix(space: ColorSpace, like: Tensor) -> Tensor:
    return (_DECORRELATED_TO_RGB if space == "decorrelated" else torch.eye(3)).to(like)


def _mix(matrix: Tensor, canvas: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix, canvas)


def to_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """A canvas (B, 3, H, W) of this colour space as rgb, before the tanh."""
    return canvas if space == "rgb" else _mix(_matrix(space, canvas), canvas)


def from_rgb(canvas: Tensor, space: ColorSpace) -> Tensor:
    """The inverse of `to_rgb`."""
    return canvas if space == "rgb" else _mix(torch.linalg.inv(_matrix(space, canvas)), canvas)


def gradient_from_rgb(gradient: Tensor, space: ColorSpace) -> Tensor:
    """The gradient (B, 3, H, W) with respect to a canvas of this space, given the one with respect to its rgb."""
    return gradient if space == "rgb" else _mix(_matrix(space, gradient).T, gradient)
