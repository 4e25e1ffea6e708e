"""Where on a canvas views may lie, and the size in pixels that they are resized to."""

from dataclasses import dataclass

from ..common.geometry import Box, Shape


@dataclass(frozen=True)
class ViewGeometry:
    """Where on a canvas views may lie, and the size in pixels that they are resized to.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        margin: pixels on each side of the canvas that are not part of the picture.
        size: the side of the views in pixels, as the judge needs it.
        tile: whether opposite edges of the canvas meet. A tile has no margin.
        boxes: for each image of the batch, the box that its views must lie in: top, left, height and width in pixels of
            the canvas. None for no boxes. With and without boxes, views reach past the edges of the picture by at most
            the jitter of the windows (`Windows.reach`); a tile has no such limit.

    Example:
        >>> import torch
        >>> from das_core import Windows
        >>> from das_core.views import Draws, ViewGeometry, ViewKey
        >>> geometry = ViewGeometry(canvas=(48, 64), margin=8, boxes=((10, 20, 16, 16),))
        >>> draws = Draws([ViewKey(seed=0, item=0, step=0, view=0)], torch.device("cpu"))
        >>> Windows(jitter=8, zoom_min=1.0).draw(geometry, draws)
        [(10, 20, 16)]
    """

    canvas: Shape
    margin: int = 0
    size: int = 224
    tile: bool = False
    boxes: tuple[Box, ...] | None = None
