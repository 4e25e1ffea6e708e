"""The picture of a stack as SVG, see `das_core.looks.svg`."""

from ..looks.strokes import STROKES, VALUES, list_shapes
from ..looks.svg import Shape, trace_regions, write_svg
from .image_stack import ImageStack
from .pixels import render_pixels


def draw_svg(stack: ImageStack, image: int = 0) -> str:
    """Return a picture of a stack as the text of an SVG file.

    The shapes are the strokes of a drawing, or those of its look, such as triangles, else the regions of equal colour
    in the picture.

    Args:
        stack: a stack, usually with a look of flat colours, such as pixel art or stained glass.
        image: which of its pictures, from 0.

    Raises:
        NoShapesError: a ValueError, when the picture has more than 4,096 colours.

    Example:
        >>> from das_core import Cells, ImageStack, StackSpec, draw_svg
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, look=Cells(8, "game boy")))
        >>> 1 <= draw_svg(stack).count("<path") <= 4
        True
    """
    spec, look, state = stack.spec, stack.spec.look, stack.optimizer_state
    alone = stack.surroundings is None and spec.series is None
    strokes = state.tensors[0] if state is not None and state.kind == STROKES and state.tensors else None
    if alone and look is None and strokes is not None and strokes.shape[::2] == (stack.batch, VALUES):
        return write_svg(list_shapes(strokes[image], *spec.canvas), spec.width, spec.height, spec.margin)
    draw = getattr(look, "draw", None)
    if draw is None or not alone:
        return write_svg(trace_regions(stack.image()[image]), spec.width, spec.height)
    shapes: list[Shape] = draw(render_pixels(stack.canvas[image : image + 1], spec.color), spec.margin, spec.tile)
    return write_svg(shapes, spec.width, spec.height, spec.margin)
