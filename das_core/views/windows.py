"""Windows: which squares of a canvas the views of a step are cut from."""

import math
from dataclasses import dataclass, replace

from torch import Tensor

from ..common.geometry import Box, Shape, intersect_boxes
from ..common.scalars import check_number
from .draws import Draws
from .sampling import Pyramid, Window, crop_and_resize


@dataclass(frozen=True)
class ViewGeometry:
    """Where on a canvas views may lie, and the size in pixels that they are resized to.

    Views reach past the edges of the picture by at most the jitter of the windows, except on a tile.

    Args:
        canvas: its height and width in pixels, margins included.
        margin: how many pixels of it lie around the picture on each side.
        size: the side of a view in pixels.
        tile: whether opposite edges of the canvas touch.
        boxes: for each image the box that its views must lie in: top, left, height and width.
    """

    canvas: Shape
    margin: int = 0
    size: int = 224
    tile: bool = False
    boxes: tuple[Box, ...] | None = None


@dataclass(frozen=True)
class Windows:
    """Random square windows of a canvas, each of which is resized to a view.

    A window lies anywhere in the area that views may show: the picture grown by `jitter` on each side, or the part of a
    box (`ViewGeometry.boxes`) in it. The side of a window is a share of the short side of this area, drawn between a
    lower bound and `zoom_max`. Over the coarse part of the ascent the bound falls from `zoom_start` to `zoom_min`: a
    judge sees the whole scene first and its details later. On a tile without boxes, windows lie anywhere, also across
    the edges.

    With a jitter of 56, all `zoom_…` 2/3, and a picture of 224 pixels a side, windows are those of Direct Ascent
    Synthesis' own code (a random roll and a centre crop).

    Args:
        jitter: how far views may reach into the margin, in pixels, at most the whole margin. With 0, views show the
            edges of the picture less often than its middle.
        zoom_min: the smallest share, above 0 and at most `zoom_max`. With 0.2, many small objects appear; with 0.9, one
            large object.
        zoom_max: the largest share, above 0 and at most 1.
        zoom_start: the lower bound of the share when the ascent begins, above 0 and at most 1; clamped to `zoom_min`
            and `zoom_max`, and without effect if the optimizer has no coarse part.
        fitted: whether a jitter larger than the margin is reduced to it, for a jitter that the user has not chosen; if
            False, such a jitter is an error.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> from das_core.views import Draws, ViewGeometry, ViewKey
        >>> geometry = ViewGeometry(canvas=(48, 64), margin=8, size=24)
        >>> draws = Draws([ViewKey(seed=0, item=0, step=0, view=view) for view in range(3)], torch.device("cpu"))
        >>> da.views.Windows(jitter=4, zoom_min=0.5).draw(geometry, draws)
        [(7, 9, 28), (16, 13, 24), (5, 7, 29)]
    """

    jitter: int = 56
    zoom_min: float = 0.45
    zoom_max: float = 1.0
    zoom_start: float = 0.9
    fitted: bool = False

    def __post_init__(self) -> None:
        check_number("jitter", self.jitter, 0, math.inf, "with 0 views stay inside the picture", whole=True)
        for name in ("zoom_min", "zoom_max", "zoom_start"):
            check_number(name, getattr(self, name), 0, 1, "1 is the whole canvas", above=True)
        if self.zoom_min > self.zoom_max:
            raise ValueError(
                f"zoom_min {self.zoom_min} is above zoom_max {self.zoom_max}; the closest view cannot see more than "
                "the widest: lower zoom_min or raise zoom_max"
            )

    def reach(self, canvas: Shape, margin: int, *, tile: bool = False) -> Box:
        """Return the part of a canvas that views may show, margin in pixels: the picture grown by `jitter`, or the
        whole of a tile.
        """
        if tile:
            return 0, 0, *canvas
        if self.jitter > margin and not self.fitted:
            raise ValueError(
                f"jitter {self.jitter} reaches past the margin of {margin} pixels and leaves no window: "
                f"lower jitter to {margin} or raise the stack's margin to {self.jitter}"
            )
        edge = max(0, margin - self.jitter)
        return edge, edge, canvas[0] - 2 * edge, canvas[1] - 2 * edge

    def draw(self, geometry: ViewGeometry, draws: Draws) -> list[Window]:
        """Return top, left and side of a window for every view of `draws`, in pixels of the canvas."""
        allowed, boxes = self._find_areas(geometry, draws), geometry.boxes
        start = min(max(self.zoom_start, self.zoom_min), self.zoom_max)
        lowest = start + (self.zoom_min - start) * draws.coarse_progress
        windows = []
        numbers = zip(allowed, draws.numbers(), draws.numbers(), draws.numbers(), strict=True)
        for (top, left, height, width), zoom, down, right in numbers:
            widest = min(height, width)
            side = max(1, min(widest, round(widest * (lowest + zoom * (self.zoom_max - lowest)))))
            # All positions at which the window stays in the area are equally likely. In a tile without boxes these are
            # all positions, because windows may cross the edges.
            everywhere = geometry.tile and not boxes
            rows, columns = (height, width) if everywhere else (height - side + 1, width - side + 1)
            windows.append((top + int(down * rows), left + int(right * columns), side))
        return windows

    def _find_areas(self, geometry: ViewGeometry, draws: Draws) -> list[Box]:
        reach, boxes = self.reach(geometry.canvas, geometry.margin, tile=geometry.tile), geometry.boxes
        return [intersect_boxes(boxes[item], reach) if boxes else reach for item in draws.items]

    def __call__(self, pixels: Tensor | Pyramid, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Draw a window for each view of `draws`, and return the views (V, 3, size, size)."""
        windows = self.draw(geometry, draws)
        if isinstance(pixels, Pyramid):
            return pixels.crop(windows, draws.items, geometry.size)
        return crop_and_resize(pixels, windows, draws.items, geometry.size)


@dataclass(frozen=True)
class MiddleSquare(Windows):
    """The largest square in the middle of the picture for every view, as classifiers are tested; `boxed`: in the middle
    of its box, if there are boxes."""

    jitter: int = 0
    boxed: bool = True

    def draw(self, geometry: ViewGeometry, draws: Draws) -> list[Window]:
        """Return top, left and side of the square for every view of `draws`, in pixels of the canvas."""
        geometry = geometry if self.boxed else replace(geometry, boxes=None)
        sides = [(area, min(area[2:])) for area in self._find_areas(geometry, draws)]
        return [(top + (height - s) // 2, left + (width - s) // 2, s) for (top, left, height, width), s in sides]
