"""Converts a canvas to pixels, and a gradient at the pixels to one at the canvas; crops the margin.

The canvas is converted to rgb, and (tanh + 1) / 2 maps it to 0..1 (Direct Ascent Synthesis, arXiv 2502.07753, section
3).
"""

import torch
from torch import Tensor

from ..common.interruption import allow_interrupt
from .color import ColorSpace, from_rgb, gradient_from_rgb, to_rgb


def render_pixels(canvas: Tensor, color: ColorSpace) -> Tensor:
    """Convert a canvas to pixels: convert it to rgb, then apply (tanh + 1) / 2."""
    # sigmoid(2 x) is (tanh(x) + 1) / 2, in one pass over the memory.
    allow_interrupt()
    return torch.sigmoid(2 * to_rgb(canvas, color))


_EDGE = 1e-6
"""How near a pixel may come to 0 and to 1 when it becomes a value of a canvas: the tanh reaches neither."""


def invert_pixels(pixels: Tensor, color: ColorSpace) -> Tensor:
    """Return the canvas that `render_pixels` converts to these pixels; 0 and 1 become the nearest possible values."""
    return from_rgb(pixels.clamp(_EDGE, 1 - _EDGE).logit_().div_(2), color)


def pull_back_gradient(gradient: Tensor, shown: Tensor, color: ColorSpace) -> Tensor:
    """Pull a gradient back through `render_pixels`."""
    # The derivative of (tanh + 1) / 2 in terms of its own value p is 2 p (1 - p).
    allow_interrupt()
    return gradient_from_rgb((1 - shown).mul_(shown).mul_(2).mul_(gradient), color)


def crop_margin(canvas: Tensor, margin: int) -> Tensor:
    """Return a canvas (B, C, H, W) without its margin, whose width on each side is given in pixels."""
    return canvas[:, :, margin : canvas.shape[2] - margin, margin : canvas.shape[3] - margin]
