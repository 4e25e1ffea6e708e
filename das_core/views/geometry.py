"""Where on a canvas views may lie, and the size in pixels that they are resized to."""

from dataclasses import dataclass

from ..common.geometry import Box, Shape


@dataclass(frozen=True)
class ViewGeometry:
    """Where on a canvas views may lie, and the size in pixels that they are resized to.

    `canvas` is height and width, margins included; `boxes` has for each image the box that its views must lie in: top,
    left, height and width. Views reach past the edges of the picture by at most the jitter of the windows, except on a
    tile.
    """

    canvas: Shape
    margin: int = 0
    size: int = 224
    tile: bool = False
    boxes: tuple[Box, ...] | None = None
