"""The picture of a stack as SVG, see `das_core.looks.svg`."""

from ..looks.svg import Shape, trace_regions, write_svg
from .image_stack import ImageStack
from .pixels import render_pixels


def draw_svg(stack: ImageStack, image: int = 0) -> str:
    """Return a picture of a stack as the text of an SVG file.

    The shapes are those of its look, such as triangles, else the regions of equal colour in the picture.

    Args:
        stack: a stack, usually with a look of flat colours, such as pixel art or stained glass.
        image: which of its pictures, from 0.

    Raises:
        NoShapesError: a ValueError, when the picture has more than 4,096 colours.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8, look=da.looks.Cells(8, "game boy")))
        >>> 1 <= da.stack.draw_svg(stack).count("<path") <= 4
        True
    """
    spec = stack.spec
    draw = getattr(spec.look, "draw", None)
    if draw is None or stack.surroundings is not None or spec.series is not None:
        return write_svg(trace_regions(stack.image()[image]), spec.width, spec.height)
    shapes: list[Shape] = draw(render_pixels(stack.canvas[image : image + 1], spec.color), spec.margin, spec.tile)
    return write_svg(shapes, spec.width, spec.height, spec.margin)
