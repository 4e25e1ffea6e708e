"""Windows: which squares of a canvas the views of a step are cut from.

Direct Ascent Synthesis (arXiv 2502.07753, section 4) shifts windows of one size at random. Here the size varies, too.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.geometry import Box, Shape, intersect_boxes
from .draws import Draws
from .geometry import ViewGeometry
from .pyramid import Pyramid
from .sampling import Window, crop_and_resize


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
        jitter_end: the jitter at the end of the ascent; None if the jitter does not change.
        zoom_min_end: `zoom_min` at the end of the ascent; None if `zoom_min` does not change.
        curve: how `jitter` and `zoom_min` change to their end values over the whole ascent.
        fitted: whether a jitter larger than the margin is reduced to it, for a jitter that the user has not chosen; if
            False, such a jitter is an error.

    Raises:
        ValueError: when a jitter is negative, a `zoom_…` setting is out of its range, or the curve is unknown.

    Example:
        >>> import torch
        >>> from das_core import Windows
        >>> from das_core.views import Draws, ViewGeometry, ViewKey
        >>> geometry = ViewGeometry(canvas=(48, 64), margin=8, size=24)
        >>> draws = Draws([ViewKey(seed=0, item=0, step=0, view=view) for view in range(3)], torch.device("cpu"))
        >>> Windows(jitter=4, zoom_min=0.5).draw(geometry, draws)
        [(7, 9, 28), (16, 13, 24), (5, 7, 29)]
    """

    jitter: int = 56
    zoom_min: float = 0.45
    zoom_max: float = 1.0
    zoom_start: float = 0.9
    jitter_end: int | None = None
    zoom_min_end: float | None = None
    curve: Curve = "linear"
    fitted: bool = False

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        for name in ("jitter", "jitter_end"):
            if given.get(name, 0) < 0:
                raise ValueError(
                    f"{name} {given[name]} is negative; it must be 0 (views stay inside the picture) or more"
                )
        for name in ("zoom_min", "zoom_max", "zoom_start", "zoom_min_end"):
            if not 0 < given.get(name, 1) <= 1:
                raise ValueError(f"{name} {given[name]} is not above 0 and at most 1 (the whole canvas)")
        for name in ("zoom_min", "zoom_min_end"):
            if given.get(name, 0) > self.zoom_max:
                raise ValueError(
                    f"{name} {given[name]} is above zoom_max {self.zoom_max}; the closest view cannot see more than "
                    f"the widest: lower {name} or raise zoom_max"
                )
        check_curve(self.curve)

    @property
    def farthest_jitter(self) -> int:
        """The larger of `jitter` and `jitter_end`."""
        return max(self.jitter, self.jitter_end or 0)

    def at_progress(self, progress: float) -> "Windows":
        """Return the windows at a progress of the ascent, 0..1: with the `jitter` and `zoom_min` of the step, and no
        end values.
        """
        if self.jitter_end is None and self.zoom_min_end is None:
            return self
        jitter_end = self.jitter if self.jitter_end is None else self.jitter_end
        zoom_min_end = self.zoom_min if self.zoom_min_end is None else self.zoom_min_end
        return replace(
            self,
            jitter=round(interpolate(self.jitter, jitter_end, self.curve, progress)),
            zoom_min=interpolate(self.zoom_min, zoom_min_end, self.curve, progress),
            jitter_end=None,
            zoom_min_end=None,
        )

    def reach(self, canvas: Shape, margin: int, *, tile: bool = False) -> Box:
        """Return the part of a canvas that views may show, margin in pixels: the picture grown by `jitter`, or the
        whole of a tile.

        Raises:
            ValueError: when a jitter is larger than the margin, and `fitted` is False.
        """
        if tile:
            return 0, 0, *canvas
        for name, jitter in (("jitter", self.jitter), ("jitter_end", self.jitter_end or 0)):
            if jitter > margin and not self.fitted:
                raise ValueError(
                    f"{name} {jitter} reaches past the margin of {margin} pixels and leaves no window: "
                    f"lower {name} to {margin} or raise the stack's margin to {jitter}"
                )
        edge = max(0, margin - self.jitter)
        return edge, edge, canvas[0] - 2 * edge, canvas[1] - 2 * edge

    def draw(self, geometry: ViewGeometry, draws: Draws) -> list[Window]:
        """Return top, left and side of a window for every view of `draws`, in pixels of the canvas."""
        now = self.at_progress(draws.progress)
        reach = now.reach(geometry.canvas, geometry.margin, tile=geometry.tile)
        boxes = geometry.boxes
        allowed = [intersect_boxes(boxes[item], reach) if boxes else reach for item in draws.items]
        start = min(max(now.zoom_start, now.zoom_min), now.zoom_max)
        lowest = start + (now.zoom_min - start) * draws.coarse_progress
        windows = []
        numbers = zip(allowed, draws.uniform(), draws.uniform(), draws.uniform(), strict=True)
        for (top, left, height, width), zoom, down, right in numbers:
            widest = min(height, width)
            side = max(1, min(widest, round(widest * (lowest + zoom * (self.zoom_max - lowest)))))
            # All positions at which the window stays in the area are equally likely. In a tile without boxes these are
            # all positions, because windows may cross the edges.
            everywhere = geometry.tile and not boxes
            rows, columns = (height, width) if everywhere else (height - side + 1, width - side + 1)
            windows.append((top + int(down * rows), left + int(right * columns), side))
        return windows

    def __call__(self, pixels: Tensor | Pyramid, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Draw a window for each view of `draws`, and return the views (V, 3, size, size); gradients flow to the
        pixels.
        """
        windows = self.draw(geometry, draws)
        if isinstance(pixels, Pyramid):
            return pixels.crop(windows, draws.items, geometry.size)
        return crop_and_resize(pixels, windows, draws.items, geometry.size)
