"""Renders the frames of a zoom, from its first depth to its last at equal distances, or at given moments."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .image_stack import ImageStack
from .pixels import crop_margin, render_pixels
from .render import check_scale, estimate_render_bytes, resize_canvas, scale_size
from .render_film import MOST_SHOWN
from .zoom_operator import ZoomOperator

_AT_ONCE = 8
"""How many frames are rendered at once, so that temporary tensors need the memory of a few frames only."""


def estimate_zoom_bytes(stack: ImageStack, frames: int, scale: float = 1.0) -> int:
    """Return about how many bytes `render_zoom` needs.

    Args:
        stack: a zoom.
        frames: how many frames are rendered.
        scale: the size of the frames as a multiple of the stack's own.
    """
    (height, width), margin = scale_size(stack.spec, scale)
    rows, columns = height + 2 * margin, width + 2 * margin
    # The frames are held twice: in the parts, and in the tensor to which the parts are concatenated.
    shown = 2 * 4 * 3 * frames * height * width
    # Four float32 tensors of the size of the canvas for each frame that is rendered at once.
    at_once = 4 * 4 * 3 * _AT_ONCE * rows * columns
    # For one depth at a time: two matrices that resize it, and its mask. Each needs about three float64 tensors of its
    # size while it is computed.
    resizing = 3 * 8 * (rows**2 + columns**2 + rows * columns)
    return shown + at_once + resizing + (0 if scale == 1 else estimate_render_bytes(stack, scale))


def render_zoom(
    stack: ImageStack, moments: int | Sequence[float] = 24, *, scale: float = 1.0, out: bool = False
) -> Tensor:
    """Render a zoom at moments between its depths.

    At moment 1, depth 1 fills the picture, and depth 2 lies in its middle. From moment 1 to moment 2, both grow until
    depth 2 fills the picture. At moment 1.5, depth 2 has 1 / sqrt(f) of the width of the picture, where f is the factor
    of the zoom (`Zoom.factor`). From any moment t to the moment t + 0.1, all depths grow by the factor f^0.1. This
    looks like a camera that approaches at a constant speed.

    Args:
        stack: a zoom: a stack whose spec has a `Zoom`.
        moments: a number of frames, 1 to 65,536, or a list of 1 to 65,536 moments. A number of frames stands for
            moments at equal distances from the first depth to the last, both included (a single frame shows the first).
            In a loop, where the last depth contains the first (`Zoom.loop`), they go on from the last depth towards
            the first, which is not repeated at the end. In a list, each moment is from 0 (the first depth) to the index
            of the last depth or, in a loop, to the number of depths.
        scale: the size of the frames as a multiple of the stack's own, 0.05 to 32, see `render_stack`.
        out: whether the zoom goes outwards, from the last depth to the first. If `moments` is a number, a loop still
            begins with the first depth. A list of moments is reversed.

    Returns:
        The frames (N, 3, height, width), 0..1, on the device of the stack. At scale 1, if moment d is a whole number,
        its frame is image d of `stack.image()`; in a loop, image d modulo the number of depths.

    Raises:
        ValueError: when the stack is no zoom, or the scale, the number of frames or a moment is out of range.

    Example:
        >>> from das_core import ImageStack, StackSpec, Zoom, render_zoom
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=4, zoom=Zoom(depths=3)))
        >>> render_zoom(stack, 16).shape, render_zoom(stack, [0.5, 1.99]).shape
        (torch.Size([16, 3, 24, 32]), torch.Size([2, 3, 24, 32]))
    """
    zoom = stack.spec.zoom
    if zoom is None:
        raise ValueError("the stack is no zoom: its images lie side by side; make it of a StackSpec with zoom=Zoom(6)")
    if isinstance(moments, int):
        if not 1 <= moments <= MOST_SHOWN:
            raise ValueError(f"{moments} frames cannot be rendered; 1 to {MOST_SHOWN} can")
        steps = moments if zoom.loop else max(1, moments - 1)
        known = [number * zoom.end / steps for number in range(moments)]
        if out and zoom.loop:
            # Begin with the first depth, as a zoom that goes inwards does.
            known = [(zoom.end - moment) % zoom.end for moment in known]
        elif out:
            known.reverse()
    else:
        known = [float(moment) for moment in moments]
        if not 1 <= len(known) <= MOST_SHOWN:
            raise ValueError(f"{len(known)} frames cannot be rendered; 1 to {MOST_SHOWN} can")
        for moment in known:
            if not 0 <= moment <= zoom.end:
                raise ValueError(f"there is no moment {moment:g}; the zoom goes from 0 to {zoom.end}")
        if out:
            known.reverse()
    check_scale(scale)
    canvas = stack.canvas if scale == 1 else resize_canvas(stack, scale)
    _, margin = scale_size(stack.spec, scale)
    operator = ZoomOperator(zoom, (canvas.shape[2], canvas.shape[3]), margin, keep=False)
    parts = []
    for begin in range(0, len(known), _AT_ONCE):
        seen = operator.forward(canvas, known[begin : begin + _AT_ONCE])
        parts.append(crop_margin(render_pixels(seen, stack.spec.color), margin))
    return torch.cat(parts)
