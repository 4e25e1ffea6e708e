"""The description of a stack: its size, levels, colour space and the form of its operator."""

import math
from dataclasses import dataclass, replace
from typing import cast, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.geometry import Shape
from ..common.scalars import as_switch, set_fields
from ..common.text import shorten
from ..common.timeline import Timeline
from ..looks.look import Look, apply_look
from .bands import Band, check_bands, covers_all_resolutions, format_band
from .levels import check_levels, default_levels, level_shape
from .linear_operator import Parametrization, StackOperator
from .parametrizations import OperatorForm, ParametrizationName, find_operator, make_operator
from .pixels import ColorSpace, crop_margin, render_pixels
from .size import check_size
from .time import Time
from .zoom import Zoom, ZoomOperator


@dataclass(frozen=True)
class StackSpec:
    """How a stack is built: its size, levels, colour space, and the form of its operator.

    The canvas is the picture plus a margin on each side. It is the sum of its levels, each enlarged by bicubic
    interpolation; the tanh turns it into pixels (Direct Ascent Synthesis, arXiv 2502.07753).

    Args:
        width: the width of the picture in pixels, at least 16.
        height: the height of the picture in pixels, at least 16.
        margin: pixels around the picture that views may reach into; an eighth of the side is good. With 0, objects keep
            away from the border. A tile needs 0.
        levels: the number of samples of each level along the long side of the canvas. If None, the multiples of 4.
        color: the colour space in which the canvas is kept, `decorrelated` or `rgb`.
        method: the form of the operator: `spectral`, or `layers`, which is exact. For `Adam` it is always exact.
        tile: whether opposite edges of the picture meet, so that copies of it side by side show no seam.
        frozen: bands of resolutions (coarsest, finest), both included, that ascents do not move.
        parametrization: what ascents move: the levels (`pyramid`), or, for comparison, `pixels` or `fourier`; or a
            `Parametrization` of your own.
        time: the time axis, if the images of the stack are the frames of a film.
        zoom: how the images of the stack are nested, if they are the depths of a zoom.
        look: what the picture is made of, such as `Cells()` for pixel art; None for a photograph.

    Example:
        >>> import direct_ascent as da
        >>> spec = da.StackSpec(width=64, height=32, margin=8)
        >>> spec.canvas, spec.levels[:3], spec.levels[-1]
        ((48, 80), (4, 8, 12), 80)
    """

    width: int = 448
    height: int = 448
    margin: int = 56
    # None is replaced when the spec is made, so it is not in the types.
    levels: tuple[int, ...] = cast(tuple[int, ...], None)
    color: ColorSpace = "decorrelated"
    method: OperatorForm = "spectral"
    tile: bool = False
    frozen: tuple[Band, ...] = ()
    parametrization: ParametrizationName | type[Parametrization] = "pyramid"
    time: Time | None = None
    zoom: Zoom | None = None
    look: Look | None = None

    def __post_init__(self) -> None:
        width, height, margin = check_size(self.width, self.height, self.margin)
        set_fields(self, width=width, height=height, margin=margin, tile=as_switch("tile", self.tile))
        check_choice("method", self.method, get_args(OperatorForm))
        check_choice("color", self.color, get_args(ColorSpace))
        find_operator(self.parametrization)
        for what, value, kind in (("time", self.time, Time), ("zoom", self.zoom, Zoom), ("look", self.look, Look)):
            # A class has the methods of its instances.
            if value is not None and (isinstance(value, type) or not isinstance(value, kind)):
                raise ValueError(f"{what} {shorten(value)} is no {kind.__name__}; give one, or None")
        if self.tile and margin:
            raise ValueError(
                f"a tile with a margin of {margin} pixels cannot be: it goes on at its opposite edge and has no "
                "outside; set margin to 0, or tile to off"
            )
        if self.zoom is not None:
            if self.time is not None or self.tile:
                other = "tile, which has no middle" if self.tile else "film, whose images are frames"
                raise ValueError(f"a zoom cannot be a {other}; leave one of the two out")
            self.zoom.check_canvas(self.canvas, margin)
        longest = max(self.canvas)
        levels = check_levels(default_levels(self.canvas) if self.levels is None else self.levels, longest)
        set_fields(self, levels=tuple(sorted(set(levels))), frozen=check_bands(self.frozen, longest))
        if covers_all_resolutions(self.frozen, longest):
            bands = ", ".join(map(format_band, self.frozen))
            raise ValueError(f"the frozen bands {shorten(bands)} leave nothing that could move; freeze fewer")

    @property
    def canvas(self) -> Shape:
        """Height and width of the canvas in pixels, margins included."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def series(self) -> tuple[int, str, str] | None:
        """How many images a film or a zoom has, what it is, and what an image is called; None for separate images."""
        if self.zoom is not None:
            return self.zoom.depths, "zoom", "depth"
        return None if self.time is None else (self.time.frames, "film", "frame")

    @property
    def zoom_operator(self) -> ZoomOperator | None:
        """The linear map from the depths of a zoom to its composites."""
        return None if self.zoom is None else ZoomOperator(self.zoom, self.canvas, self.margin)

    def find_timeline(self, batch: int) -> Timeline:
        """Return the timeline of what models are shown: the images of the stack, or the composites of a zoom."""
        series = self.time or self.zoom
        return Timeline.from_images(batch) if series is None else series.timeline

    def settle_look(self, canvas: Tensor) -> "StackSpec":
        """Return the spec with the look that all images of a film or a zoom share, such as a palette."""
        settle = getattr(self.look, "settle", None)
        if settle is None or self.series is None:
            return self
        zoom = self.zoom_operator
        shown = canvas if zoom is None else zoom.forward(canvas, range(zoom.zoom.depths))
        return replace(self, look=settle(crop_margin(render_pixels(shown, self.color), self.margin)))

    def apply_look(self, pixels: Tensor, share: float = 1.0, margin: int | None = None) -> Tensor:
        """Return pixels (B, 3, H, W), 0..1, moved a share of the way to their form in the look, if there is one."""
        return apply_look(self.look, pixels, self.margin if margin is None else margin, self.tile, share)

    def operator(self, device: torch.device, method: OperatorForm | None = None) -> StackOperator:
        """Return the operator K of this stack, cached by `make_operator`."""
        form, more = method or self.method, (self.tile, self.frozen, self.parametrization, self.time)
        return make_operator(form, self.canvas, self.levels, device, *more)

    def operator_bytes(self) -> int:
        """Return about how many bytes the operator takes while it is computed."""
        # For every pixel the responses of K and of a low-pass (8), phase factors (8) and temporary tensors (12); for
        # every entry of K_t itself (4) and temporary float64 matrices (24).
        needed = 28 * math.prod(self.canvas) + (0 if self.time is None else 28 * self.time.frames**2)
        if self.method == "spectral" or self.parametrization != "pyramid":
            return needed
        shapes = [level_shape(level, self.canvas) for level in self.levels]
        sizes = {(shape[axis], self.canvas[axis]) for shape in shapes for axis in (0, 1)}
        return needed + 4 * sum(size * side for size, side in sizes)

    def levels_bytes(self, batch: int) -> int:
        """Return how many bytes all levels of a stack take as tensors, or its pixels or Fourier coefficients."""
        levels = self.levels if self.parametrization == "pyramid" else (max(self.canvas),)
        return 4 * 3 * batch * sum(math.prod(level_shape(level, self.canvas)) for level in levels)
