"""Renders a stack at another resolution, and films and zooms at any moment.

Each level is resized to the new canvas by itself: coarse levels stay smooth, and steps between pixels do not grow.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.geometry import Shape
from ..common.images import resize
from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from ..common.scalars import check_number
from .conversion import find_moments, mix_moments, mix_surroundings
from .decomposition import decompose, estimate_decomposition_bytes
from .image_stack import ImageStack
from .levels import bicubic_matrix, default_levels
from .pixels import crop_margin, render_pixels
from .spec import StackSpec
from .start import Surroundings
from .zoom import Zoom, ZoomOperator

SMALLEST_SCALE, LARGEST_SCALE = 0.05, 32.0
MOST_SHOWN = 2**16  # The largest number of frames that one call of `render_film` or `render_zoom` can render.
_AT_ONCE = 8  # How many frames are rendered at once.


class NoFilmError(ValueError):
    """The error for a stack that is no film where a film is needed."""


def check_scale(scale: float) -> None:
    """Raise a ValueError unless a stack can be rendered at this multiple of its own size."""
    check_number("scale", scale, SMALLEST_SCALE, LARGEST_SCALE, "2 is twice the size")


def scale_size(spec: StackSpec, scale: float) -> tuple[Shape, int]:
    """Return height and width of the picture of a stack at a scale, in pixels, and the width of its margin."""
    height, width = (max(1, round(side * scale)) for side in (spec.height, spec.width))
    return (height, width), round(spec.margin * scale)


def estimate_render_bytes(stack: ImageStack, scale: float, frames: int | None = None) -> int:
    """Return about how many bytes `render_stack` needs, or with `frames` what `render_film` or `render_zoom` does."""
    (height, width), margin = scale_size(stack.spec, scale)
    rows, columns = height + 2 * margin, width + 2 * margin
    # Four float32 tensors of the size of the new canvas: the canvas, a resized level, and two copies for the tanh.
    rendered = 4 * 4 * 3 * stack.batch * rows * columns + estimate_decomposition_bytes(stack)
    if frames is None:
        return rendered
    if scale == 1:
        rendered = 0
    # All frames twice: in the parts, and in the tensor to which they are joined.
    shown = 2 * 4 * 3 * frames * height * width
    if stack.spec.zoom is None:
        # Of start and canvas the frames before the moments, those after them, and the interpolated ones.
        at_once = _AT_ONCE / stack.batch
        return shown + int(at_once * (6 * 4 * stack.canvas.numel() + rendered))
    # Four tensors of the size of the canvas for each frame; and the matrices and the mask of a depth, each of which
    # needs about three float64 tensors of its size while it is computed.
    resizing = 3 * 8 * (rows**2 + columns**2 + rows * columns)
    return shown + 4 * 4 * 3 * _AT_ONCE * rows * columns + resizing + rendered


def render_stack(stack: ImageStack, scale: float) -> Tensor:
    """Render a stack at a multiple of its own size: (B, 3, height, width), 0..1; of a zoom the composite at each depth.

    Args:
        stack: the stack to render. Below scale 1 a tile can show a faint seam.
        scale: from 0.05 to 32; 2 gives twice the width and height. A scale above 1 adds no new detail.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=24, margin=8), batch=2)
        >>> da.stack.render_stack(stack, scale=2.5).shape
        torch.Size([2, 3, 60, 80])
    """
    check_scale(scale)
    _, margin = scale_size(stack.spec, scale)
    canvas = _resize_canvas(stack, scale)
    shape = canvas.shape[2], canvas.shape[3]
    if (zoom := stack.spec.zoom) is not None:
        canvas = ZoomOperator(zoom, shape, margin).forward(canvas, range(zoom.depths))
    spec = stack.spec.settle_look(stack.canvas)
    pixels = spec.apply_look(render_pixels(canvas, spec.color), margin=margin)
    around = _resize_surroundings(stack, shape)
    return crop_margin(pixels if around is None else around.composite(pixels), margin)


def enlarge_stack(stack: ImageStack, scale: int = 2) -> ImageStack:
    """Return a stack of a multiple of the size, from which ascents go on; its canvas is interpolated as a level is."""
    larger = enlarge_spec(stack.spec, scale)
    start, canvas = (_resize_level(one, larger.canvas, stack.spec.tile) for one in (stack.start, stack.canvas))
    around = _resize_surroundings(stack, larger.canvas)
    return ImageStack(larger, start, canvas, steps=stack.steps, surroundings=around)


def enlarge_spec(spec: StackSpec, scale: int = 2) -> StackSpec:
    """Return the spec of `enlarge_stack`, whose finest level is as fine as before, in pixels."""
    (height, width), margin = scale_size(spec, scale)
    levels = spec.levels + tuple(scale * level for level in spec.levels)
    larger = replace(spec, width=width, height=height, margin=margin, levels=levels)
    usual = spec.levels == default_levels(spec.canvas)
    return replace(larger, levels=default_levels(larger.canvas)) if usual else larger


def _resize_surroundings(stack: ImageStack, shape: Shape) -> Surroundings | None:
    around = stack.surroundings
    return around and Surroundings(resize(around.pixels, shape), resize(around.mask, shape))


def _resize_canvas(stack: ImageStack, scale: float) -> Tensor:
    """Return the canvas of a stack at a multiple of its own size, (B, 3, H, W), margins included."""
    (height, width), margin = scale_size(stack.spec, scale)
    shape = (height + 2 * margin, width + 2 * margin)
    parts, rest = decompose(stack), stack.canvas
    canvas = rest.new_zeros(stack.batch, 3, *shape)
    for number in pausing(range(len(stack.spec.levels))):
        level = parts.find_level(number)
        canvas += _resize_level(level, shape, stack.spec.tile)
        rest = rest - parts.enlarge(number, level)
    return canvas + _resize_level(rest, shape, stack.spec.tile)


def _resize_level(level: Tensor, shape: Shape, tile: bool) -> Tensor:
    """Return a level (B, 3, h, w) resized to a canvas of `shape`, with antialiasing if the level is larger than it."""
    if level.shape[2] > shape[0] or level.shape[3] > shape[1]:
        return F.interpolate(level, size=shape, mode="bicubic", antialias=True)
    rows, columns = (bicubic_matrix(level.shape[axis + 2], shape[axis], tile, level.dtype).to(level) for axis in (0, 1))
    return multiply_both_sides(rows, level, columns.T)


def render_film(stack: ImageStack, frames: int | None = None, scale: float = 1.0) -> Tensor:
    """Render a film with any number of frames, (N, 3, height, width), 0..1.

    Args:
        stack: a film: a stack whose spec has a `Time`.
        frames: how many frames, 1 to 65,536, at equal distances over the film. If None, those of the stack itself.
        scale: the size of the frames as a multiple of the stack's own, 0.05 to 32.
    """
    time = stack.spec.time
    if time is None:
        raise NoFilmError("the stack is no film: it has no direction of time; make it with StackSpec(time=Time(12))")
    count = time.frames if frames is None else frames
    check_number("frames", count, 1, MOST_SHOWN, "24 make two seconds", whole=True)
    check_scale(scale)
    moments = find_moments(time, count)
    spec, parts = replace(stack.spec.settle_look(stack.canvas), time=None), []
    for begin in pausing(range(0, count, _AT_ONCE)):
        some = moments[begin : begin + _AT_ONCE]
        around = mix_surroundings(stack.surroundings, some)
        still = ImageStack(spec, mix_moments(stack.start, some), mix_moments(stack.canvas, some), surroundings=around)
        parts.append(still.image() if scale == 1 else render_stack(still, scale))
    return torch.cat(parts)


def render_zoom(
    stack: ImageStack, moments: int | Sequence[float] = 24, *, scale: float = 1.0, out: bool = False
) -> Tensor:
    """Render a zoom at moments between its depths, (N, 3, height, width), 0..1.

    At moment 1, depth 1 fills the picture. A camera approaches at a constant speed: from moment t to t + 0.1, all
    depths grow by the factor f^0.1, with f the factor of the zoom.

    Args:
        stack: a zoom: a stack whose spec has a `Zoom`.
        moments: a number of frames, 1 to 65,536, at equal distances from the first depth to the last (in a loop, on
            towards the first); or a list of moments, from 0 to the last depth (in a loop, to the number of depths).
        scale: the size of the frames as a multiple of the stack's own, 0.05 to 32.
        out: whether the zoom goes outwards. If `moments` is a number, a loop still begins with the first depth.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=24, margin=4, zoom=da.stack.Zoom(depths=3)))
        >>> da.stack.render_zoom(stack, 16).shape, da.stack.render_zoom(stack, [0.5, 1.99]).shape
        (torch.Size([16, 3, 24, 32]), torch.Size([2, 3, 24, 32]))
    """
    zoom = stack.spec.zoom
    if zoom is None:
        raise ValueError("the stack is no zoom: its images lie side by side; make it of a StackSpec with zoom=Zoom(6)")
    known = _list_moments(zoom, moments, out)
    check_scale(scale)
    canvas = stack.canvas if scale == 1 else _resize_canvas(stack, scale)
    _, margin = scale_size(stack.spec, scale)
    operator = ZoomOperator(zoom, (canvas.shape[2], canvas.shape[3]), margin, keep=False)
    spec, parts = replace(stack.spec.settle_look(stack.canvas), zoom=None), []
    for begin in range(0, len(known), _AT_ONCE):
        seen = operator.forward(canvas, known[begin : begin + _AT_ONCE])
        parts.append(crop_margin(spec.apply_look(render_pixels(seen, spec.color), margin=margin), margin))
    return torch.cat(parts)


def _list_moments(zoom: Zoom, moments: int | Sequence[float], out: bool) -> list[float]:
    if isinstance(moments, int):
        check_number("frames", moments, 1, MOST_SHOWN, "24 make two seconds", whole=True)
        steps = moments if zoom.loop else max(1, moments - 1)
        known = [number * zoom.end / steps for number in range(moments)]
        if out and zoom.loop:  # Begin with the first depth, as a zoom that goes inwards does.
            return [(zoom.end - moment) % zoom.end for moment in known]
    else:
        known = [float(moment) for moment in moments]
        check_number("frames", len(known), 1, MOST_SHOWN, "24 make two seconds", whole=True)
        for moment in known:
            check_number("moment", moment, 0, zoom.end, "1 shows the second depth")
    return known[::-1] if out else known
