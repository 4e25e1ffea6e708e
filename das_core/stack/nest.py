"""Makes a zoom from a stack: the pictures of the stack become depths, and an ascent can start from these."""

from dataclasses import replace

from .image_stack import ImageStack
from .pixels import crop_margin
from .zoom import Zoom, zoom_margin


def as_zoom(stack: ImageStack, zoom: Zoom) -> ImageStack:
    """Return a zoom whose depths start from the canvases of a stack.

    If the stack has one image, all depths start from it; otherwise it must have one image for each depth. The number of
    steps is kept, but neither the accumulated gradient nor the state of the optimizer. A margin wider than an eighth of
    the short side of the picture (but at least 4 and at most 56 pixels, `zoom_margin`) is cropped to this width, and
    levels with a higher resolution than the cropped canvas are removed. If no level is left, the zoom gets one level of
    the resolution of the cropped canvas.

    Args:
        stack: a stack of pictures, a film, or another zoom. The nesting of another zoom is replaced by `zoom`.
        zoom: how the depths are nested.

    Raises:
        ValueError: when the number of images is neither 1 nor the number of depths; the stack has surroundings; the
            stack is a tile; its margin is narrower than 4 pixels; the factor of the zoom is so small that a depth and
            its margin would be larger than the picture around them; or the frozen bands contain all resolutions of the
            cropped canvas.

    Example:
        >>> from das_core import ImageStack, StackSpec, Zoom, as_zoom
        >>> clouds = ImageStack.noise(StackSpec(width=64, height=64, margin=24))
        >>> zoom = as_zoom(clouds, Zoom(depths=3))
        >>> zoom, zoom.spec.margin
        (ImageStack(64 x 64, 3 depths, 0 steps), 8)
    """
    if stack.surroundings is not None:
        raise ValueError("a zoom is no part of a picture, for it has pictures in it; leave the mask out")
    if stack.batch not in (1, zoom.depths):
        raise ValueError(
            f"{stack.batch} pictures are no zoom of {zoom.depths} depths; 1, which all start from, or {zoom.depths} are"
        )
    spec = stack.spec
    margin = min(spec.margin, zoom_margin(spec.width, spec.height))
    longest = max(spec.width, spec.height) + 2 * margin
    kept = [(level, gain) for level, gain in zip(spec.levels, spec.gains, strict=True) if level <= longest]
    levels, gains = zip(*kept, strict=True) if kept else ((longest,), (1.0,))
    nested = replace(spec, margin=margin, levels=levels, gains=gains, time=None, zoom=zoom)
    canvas = crop_margin(stack.canvas, spec.margin - margin)
    start = ImageStack.from_canvas(nested, canvas.expand(zoom.depths, -1, -1, -1).contiguous())
    return replace(start, steps=stack.steps)
