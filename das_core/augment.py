"""Augmentation: which views of a canvas a judge is shown.

What helps an image made by ascent most (arXiv 2502.07753, section 4) is that no judge ever sees it twice in the same
way. `Windows` cuts views out of the canvas; then come transforms of views, in order. All of them draw from `Draws`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from .cut import Window, cut
from .draws import Draws, NoiseKind
from .levels import Shape
from .masks import Box, within
from .schedule import Curve, between, check_curve


class Transform(Protocol):
    """What happens to views (V, 3, S, S), 0..1. Frozen, and random only through the draws it is given."""

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """The transformed views, of the same shape and range."""
        ...


@dataclass(frozen=True)
class Flip:
    """Mirror a view left to right with this probability."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"flip {self.probability} is not a probability between 0 and 1; 0.5 is every second view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Views, some of them mirrored."""
        mirrored = [number < self.probability for number in draws.uniform()]
        if not any(mirrored):
            return views
        return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, mirrored, strict=True)])


@dataclass(frozen=True)
class Noise:
    """Add noise and clip to 0..1: `amplitude` times a Gaussian, or times U[0, 1) as in the reference (there 0.2).

    The Gaussian leaves the brightness of a view alone. The reference's noise raises it by half its amplitude, so that
    the picture itself, seen without noise, comes out darker than what convinced the model. With an `amplitude_end` the
    amplitude goes there over the ascent, along `curve`.
    """

    amplitude: float = 0.05
    kind: NoiseKind = "gaussian"
    amplitude_end: float | None = None
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        for name, amplitude in (("noise", self.amplitude), ("noise_end", self.amplitude_end)):
            if amplitude is not None and not 0 <= amplitude <= 10:
                raise ValueError(f"{name} {amplitude} is not between 0 (none) and 10; 0.05 is a good amount")
        check_curve(self.curve)
        if self.kind not in ("uniform", "gaussian"):
            raise ValueError(f"noise kind '{self.kind}' is unknown; choose gaussian or uniform")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Noisy views."""
        amplitude = self.amplitude
        if self.amplitude_end is not None:
            amplitude = between(amplitude, self.amplitude_end, self.curve, draws.done)
        if amplitude == 0:
            return views
        # Two roundings, as in the reference: a fused product and sum would differ in the last bit.
        return draws.noise(views.shape[1:], self.kind).mul_(amplitude).add_(views).clamp(0, 1)


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

    def at(self, done: float) -> "Windows":
        """The windows of the moment when the share `done` of the ascent is over, 0..1."""
        if self.jitter_end is None and self.zoom_min_end is None:
            return self
        jitter_end = self.jitter if self.jitter_end is None else self.jitter_end
        zoom_min_end = self.zoom_min if self.zoom_min_end is None else self.zoom_min_end
        return replace(
            self,
            jitter=round(between(self.jitter, jitter_end, self.curve, done)),
            zoom_min=between(self.zoom_min, zoom_min_end, self.curve, done),
            jitter_end=None,
            zoom_min_end=None,
        )

    def region(self, canvas: Shape, margin: int, *, tile: bool = False) -> tuple[int, int, int, int]:
        """Top, left, height and width of the part of the canvas that views may reach, in pixels."""
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

    def draw(
        self,
        canvas: Shape,
        margin: int,
        draws: Draws,
        *,
        tile: bool = False,
        boxes: Sequence[Box] | None = None,
    ) -> list[Window]:
        """The window of every view, in the box of its image where there are boxes."""
        now = self.at(draws.done)
        reach = now.region(canvas, margin, tile=tile)
        allowed = [within(boxes[item], reach) if boxes else reach for item in draws.items]
        start = min(max(now.zoom_start, now.zoom_min), now.zoom_max)
        lowest = start + (now.zoom_min - start) * draws.opening
        windows = []
        numbers = zip(allowed, draws.uniform(), draws.uniform(), draws.uniform(), strict=True)
        for (top, left, height, width), zoom, down, right in numbers:
            widest = min(height, width)
            side = max(1, min(widest, round(widest * (lowest + zoom * (self.zoom_max - lowest)))))
            # Every position that fits is equally likely, the outermost included; in a whole tile all of them fit.
            rows, columns = (height, width) if tile and not boxes else (height - side + 1, width - side + 1)
            windows.append((top + int(down * rows), left + int(right * columns), side))
        return windows

    def __call__(
        self,
        pixels: Tensor,
        margin: int,
        draws: Draws,
        size: int,
        *,
        tile: bool = False,
        boxes: Sequence[Box] | None = None,
    ) -> Tensor:
        """Views (V, 3, size, size) of the canvases (B, 3, H, W), out of the box of each image if there are any."""
        canvas = (pixels.shape[2], pixels.shape[3])
        return cut(pixels, self.draw(canvas, margin, draws, tile=tile, boxes=boxes), draws.items, size)


@dataclass(frozen=True)
class Augmentation:
    """How many views a step shows of every image, and what happens to them."""

    views: int = 16
    windows: Windows = field(default_factory=Windows)
    transforms: tuple[Transform, ...] = (Flip(), Noise())

    def __post_init__(self) -> None:
        if self.views < 1:
            raise ValueError(f"views {self.views} is too few; a step needs at least 1, and 16 make a steady one")

    def __call__(
        self,
        pixels: Tensor,
        margin: int,
        draws: Draws,
        size: int,
        *,
        tile: bool = False,
        boxes: Sequence[Box] | None = None,
    ) -> Tensor:
        """Views (V, 3, size, size), 0..1, of canvases (B, 3, H, W), one for each of the draws."""
        views = self.windows(pixels, margin, draws, size, tile=tile, boxes=boxes)
        for transform in self.transforms:
            views = transform(views, draws)
        return views
