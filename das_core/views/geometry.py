"""Where on a canvas views may lie."""

from dataclasses import dataclass

from ..common.geometry import Box, Shape


@dataclass(frozen=True)
class ViewGeometry:
    """Where on a canvas views may lie, and how large they come out.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        margin: pixels on each side of the canvas that the picture leaves out.
        size: the side of a view in pixels, as its judge wants it.
        tile: whether the canvas goes on at its opposite edges; it then has no margin.
        boxes: for each image of the batch the box that its views must lie in; None where they may lie anywhere.
    """

    canvas: Shape
    margin: int = 0
    size: int = 224
    tile: bool = False
    boxes: tuple[Box, ...] | None = None
