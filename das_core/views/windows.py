"""Augmentation: which views of a canvas a judge is shown.

What helps an image made by ascent most (arXiv 2502.07753, section 4) is that no judge ever sees it twice in the same
way. `Windows` cuts views out of the canvas; then come transforms of views, in order. All of them draw from `Draws`.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.geometry import Box, Shape, intersect_boxes
from .draws import Draws
from .geometry import ViewGeometry
from .sampling import Window, crop_and_resize


@dataclass(frozen=True)
class Windows:
    """Square windows of the canvas, resized to what the judge sees.

    Windows lie anywhere in the picture grown by `jitter` pixels on each side (into the margin). Their side is a share
    of the short side of that region, drawn between `zoom_min` (close up) and `zoom_max` (1: all of it). While an ascent
    is coarse the lower bound comes down from `zoom_start` to `zoom_min`: first the whole scene, then its details.
    With zoom 2/3 and jitter 56 on a picture of 224 this is the reference's roll and centre crop. Where `jitter_end` or
    `zoom_min_end` is given, jitter or zoom_min goes there over the whole ascent, along `curve`. On a tile windows lie
    anywhere and go on at the opposite edge; jitter has no meaning there.
    """

    jitter: int = 56
    zoom_min: float = 0.45
    zoom_max: float = 1.0
    zoom_start: float = 0.9
    jitter_end: int | None = None
    zoom_min_end: float | None = None
    curve: Curve = "linear"

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

    def at_progress(self, progress: float) -> "Windows":
        """Return the windows of the moment when the share `progress` (0..1) of the ascent is over."""
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
        """Return the part of a canvas that views may show: the picture grown by `jitter`, or all of a tile.

        Raises:
            ValueError: jitter reaches past the margin.
        """
        if tile:
            return 0, 0, *canvas
        for name, jitter in (("jitter", self.jitter), ("jitter_end", self.jitter_end or 0)):
            if jitter > margin:
                raise ValueError(
                    f"{name} {jitter} reaches past the margin of {margin} pixels and leaves no window: "
                    f"lower {name} to {margin} or raise the stack's margin to {jitter}"
                )
        edge = margin - self.jitter
        return edge, edge, canvas[0] - 2 * edge, canvas[1] - 2 * edge

    def draw(self, geometry: ViewGeometry, draws: Draws) -> list[Window]:
        """Draw the window of every view: in the box of its image, where the geometry has boxes."""
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
            # Every position that fits is equally likely, the outermost included; in a whole tile all of them fit.
            everywhere = geometry.tile and not boxes
            rows, columns = (height, width) if everywhere else (height - side + 1, width - side + 1)
            windows.append((top + int(down * rows), left + int(right * columns), side))
        return windows

    def __call__(self, pixels: Tensor, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Return views (V, 3, size, size) of canvases (B, 3, H, W), one for each of the draws."""
        return crop_and_resize(pixels, self.draw(geometry, draws), draws.items, geometry.size)
