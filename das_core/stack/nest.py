"""A stack as a zoom: its pictures nested in each other, from which a zoom climbs."""

from dataclasses import replace

from .image_stack import ImageStack
from .pixels import crop_margin
from .zoom import Zoom, zoom_margin


def as_zoom(stack: ImageStack, zoom: Zoom) -> ImageStack:
    """Return a stack as a zoom, which starts from what the stack shows.

    One image is what all depths start from; as many as there are depths are the depths. What an ascent has accumulated
    stays with the stack that it belongs to. A margin wider than `zoom_margin` is cut down to it, and levels that are
    finer than the canvas is then are left out.

    Args:
        stack: a stack of pictures, a film, or a zoom, whose depths then lie in each other in another way.
        zoom: how the depths lie in each other.

    Raises:
        ValueError: when the stack has neither 1 image nor one for each depth, is a part of a picture or a tile, or its
            margin is too narrow.

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
    kept = [(level, gain) for level, gain in zip(spec.resolutions, spec.weights, strict=True) if level <= longest]
    levels, gains = zip(*kept, strict=True) if kept else ((longest,), (1.0,))
    nested = replace(spec, margin=margin, levels=levels, gains=gains, time=None, zoom=zoom)
    canvas = crop_margin(stack.canvas, spec.margin - margin)
    start = ImageStack.from_canvas(nested, canvas.expand(zoom.depths, -1, -1, -1).contiguous())
    return replace(start, steps=stack.steps)
