"""Renders a stack at another resolution: each level is resized to the new canvas, and the results are summed.

This keeps coarse levels smooth at any size. Enlarging the finished picture instead would also enlarge the steps
between its pixels, and would overshoot at these steps.
"""

import torch.nn.functional as F
from torch import Tensor

from ..common.geometry import Shape
from ..common.products import multiply_both_sides
from .bicubic import bicubic_matrix
from .decomposition import decompose, estimate_decomposition_bytes
from .image_stack import ImageStack
from .pixels import crop_margin, render_pixels
from .spec import StackSpec
from .surroundings import Surroundings
from .zoom_operator import ZoomOperator

SMALLEST_SCALE, LARGEST_SCALE = 0.05, 32.0
"""The range of scales at which a stack can be rendered; 1 is its own size."""


def check_scale(scale: float) -> None:
    """Raise an error when a stack cannot be rendered at a scale.

    Args:
        scale: the size of the rendered picture as a multiple of the stack's own.

    Raises:
        ValueError: when the scale is not between 0.05 and 32.
    """
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise ValueError(f"scale {scale} is not between {SMALLEST_SCALE:g} and {LARGEST_SCALE:g}; 2 is twice the size")


def scale_size(spec: StackSpec, scale: float) -> tuple[Shape, int]:
    """Return the size of the picture of a stack, and of its margin, at a scale.

    Args:
        spec: the spec of the stack.
        scale: the size of the rendered picture as a multiple of the stack's own.

    Returns:
        Height and width of the picture in pixels, each at least 1; and the width of its margin in pixels.
    """
    height, width = (max(1, round(side * scale)) for side in (spec.height, spec.width))
    return (height, width), round(spec.margin * scale)


def estimate_render_bytes(stack: ImageStack, scale: float) -> int:
    """Return about how many bytes `render_stack` needs.

    Args:
        stack: the stack to render.
        scale: the size of the rendered picture as a multiple of the stack's own.
    """
    (height, width), margin = scale_size(stack.spec, scale)
    # Four float32 tensors of the size of the new canvas: the canvas, a resized level, and two copies for the tanh.
    rendered = 4 * 4 * 3 * stack.batch * (height + 2 * margin) * (width + 2 * margin)
    return rendered + estimate_decomposition_bytes(stack)


def render_stack(stack: ImageStack, scale: float) -> Tensor:
    """Render a stack at a multiple of its own size.

    Levels that are coarser than the new canvas are enlarged with the stack's own bicubic interpolation; finer levels
    are shrunk with antialiasing. Detail that no level can show is resized like one more level. Shrinking does not wrap
    around at the edges, so at a scale below 1 a tile can show a faint seam. Surroundings have no levels and are resized
    as an image.

    Args:
        stack: the stack to render.
        scale: from 0.05 to 32; 2 gives twice the width and height. A scale above 1 adds no new detail.

    Returns:
        The picture (B, 3, height, width), 0..1, of the size that `scale_size` gives. For a zoom, image d is the
        composite at moment d, as in `ImageStack.pixels`.

    Raises:
        ValueError: when the scale is out of range.

    Example:
        >>> from das_core import ImageStack, StackSpec, render_stack
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=8), batch=2)
        >>> render_stack(stack, scale=2.5).shape
        torch.Size([2, 3, 60, 80])
    """
    check_scale(scale)
    _, margin = scale_size(stack.spec, scale)
    canvas = resize_canvas(stack, scale)
    shape = canvas.shape[2:]
    if stack.spec.zoom is not None:
        zoom = stack.spec.zoom
        canvas = ZoomOperator(zoom, (shape[0], shape[1]), margin).forward(canvas, range(zoom.depths))
    pixels = render_pixels(canvas, stack.spec.color)
    if stack.surroundings is not None:
        # Surroundings are pixels without levels, so they are resized as an image.
        around, mask = (
            F.interpolate(part, size=shape, mode="bicubic", antialias=True).clamp(0, 1)
            for part in (stack.surroundings.pixels, stack.surroundings.mask)
        )
        pixels = Surroundings(around, mask).composite(pixels)
    return crop_margin(pixels, margin)


def resize_canvas(stack: ImageStack, scale: float) -> Tensor:
    """Return the canvas of a stack at a multiple of its own size, (B, 3, H, W), margins included, before the tanh.

    Args:
        stack: the stack; each of its levels is resized by itself.
        scale: from 0.05 to 32.
    """
    (height, width), margin = scale_size(stack.spec, scale)
    shape = (height + 2 * margin, width + 2 * margin)
    parts = decompose(stack)
    canvas = _resize_level(parts.rest, shape, stack.spec.tile)
    for gain, level in zip(stack.spec.gains, parts.levels, strict=True):
        canvas += gain * _resize_level(level, shape, stack.spec.tile)
    return canvas


def _resize_level(level: Tensor, shape: Shape, tile: bool) -> Tensor:
    """Return a level (B, 3, h, w) resized to a canvas of `shape`, with antialiasing if the level is larger than it."""
    if level.shape[2] > shape[0] or level.shape[3] > shape[1]:
        return F.interpolate(level, size=shape, mode="bicubic", antialias=True)
    rows, columns = (bicubic_matrix(level.shape[axis + 2], shape[axis], tile, level.dtype).to(level) for axis in (0, 1))
    return multiply_both_sides(rows, level, columns.T)
