"""A stack rendered at another resolution: from its levels, each resized to the new canvas, not from the picture.

Coarse levels stay as smooth at any size as they are; what is resized after the tanh would keep the edges of the old
pixels, and overshoot at them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.geometry import Shape
from .bicubic import bicubic_matrix
from .decomposition import decompose
from .image_stack import ImageStack, Surroundings, crop_margin, render_pixels
from .spec import StackSpec

SMALLEST_SCALE, LARGEST_SCALE = 0.05, 32.0


def check_scale(scale: float) -> None:
    """ValueError for a scale that no picture can be rendered at."""
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise ValueError(f"scale {scale} is not between {SMALLEST_SCALE:g} and {LARGEST_SCALE:g}; 2 is twice the size")


def scale_size(spec: StackSpec, scale: float) -> tuple[Shape, int]:
    """Height and width of the picture at `scale`, and its margin."""
    height, width = (max(1, round(side * scale)) for side in (spec.height, spec.width))
    return (height, width), round(spec.margin * scale)


def estimate_render_bytes(stack: ImageStack, scale: float) -> int:
    """About how much memory `rendered` needs."""
    (height, width), margin = scale_size(stack.spec, scale)
    # The canvas, a level on its way to it, two copies for the tanh.
    return 4 * 4 * 3 * stack.batch * (height + 2 * margin) * (width + 2 * margin) + stack.spec.ascent_bytes(stack.batch)


def render_stack(stack: ImageStack, scale: float) -> Tensor:
    """The picture (B, 3, scale * height, scale * width), 0..1."""
    check_scale(scale)
    (height, width), margin = scale_size(stack.spec, scale)
    shape = (height + 2 * margin, width + 2 * margin)
    whole = decompose(stack)
    canvas = _resize_level(whole.rest, shape, stack.spec.tile)
    for gain, level in zip(stack.spec.weights, whole.levels, strict=True):
        canvas += gain * _resize_level(level, shape, stack.spec.tile)
    shown = render_pixels(canvas, stack.spec.color)
    if stack.surroundings is not None:
        # These are pixels, and have no levels to be rendered from.
        around, mask = (
            F.interpolate(part, size=shape, mode="bicubic", antialias=True).clamp(0, 1)
            for part in (stack.surroundings.pixels, stack.surroundings.mask)
        )
        shown = Surroundings(around, mask).composite(shown)
    return crop_margin(shown, margin)


def _resize_level(level: Tensor, shape: Shape, tile: bool) -> Tensor:
    """A level (B, 3, h, w) on a canvas of `shape`, by the stack's own bicubic; without aliasing where it is finer."""
    if level.shape[2] > shape[0] or level.shape[3] > shape[1]:
        return F.interpolate(level, size=shape, mode="bicubic", antialias=True)
    rows, columns = (bicubic_matrix(level.shape[axis + 2], shape[axis], tile).to(level) for axis in (0, 1))
    return torch.matmul(rows @ level, columns.T)
