"""The description of a stack: its size, levels, colours and the form of its operator."""

import math
from dataclasses import dataclass
from typing import Any, get_args

import torch

from ..common.choices import check_choice
from ..common.geometry import Shape
from ..common.timeline import Timeline
from .bands import Band, covers_all_resolutions, format_band
from .color import ColorSpace
from .levels import check_levels, default_levels, level_shape, sort_gains
from .linear_operator import StackOperator
from .operator_forms import FORMS, Method, make_operator
from .parametrizations import Parametrization, shape_parameters
from .size import check_size
from .time import Time
from .zoom import Zoom
from .zoom_operator import ZoomOperator


@dataclass(frozen=True)
class StackSpec:
    """How a stack is built. Stacks of one spec can be continued, blended and compared.

    The canvas is the picture plus a margin on each side. Levels, bicubic sum and tanh are those of Direct Ascent
    Synthesis, arXiv 2502.07753.

    Args:
        width: the width of the picture in pixels, at least 16.
        height: the height of the picture in pixels, at least 16.
        margin: how far the canvas goes beyond the picture on each side, in pixels. Views reach into the margin, the
            picture leaves it out. With 0, objects keep away from the border; an eighth of the picture is enough. A
            tile needs 0.
        levels: resolutions along the long side of the canvas, from 1 to its length, in any order; the multiples of 4
            if None. They are kept in rising order, each once.
        gains: the factor of every level in the sum, 1e-6 to 1e6, one for each level in the order of `levels`; all 1 if
            None. The gain enters twice, in the gradient and in the sum, so the effect of a step scales with its square.
        color: the colour space in which the canvas is kept, `decorrelated` or `rgb`.
        method: the form of the operator: `spectral`, `exact` or `layers`.
        tile: whether opposite edges of the picture meet, so that copies of it side by side show no seam. A tile has no
            margin. (`render_stack` below scale 1 reduces levels without wrapping, which can leave a faint seam.)
        frozen: bands of resolutions, as pairs of the coarsest and the finest, that ascents do not move.
        parametrization: what ascents move: the levels (`pyramid`), or, for comparison, `pixels`, `fourier` or `maco`
            (`stack/parametrizations.py`). With these, the levels are only used by `decompose` and edits. `maco` keeps
            the magnitudes of the start, so the stack has to start from noise or an image.
        time: the time axis, if the images of the stack are the frames of a film; None if they are separate pictures.
        zoom: the depths, if the images of the stack are those of a zoom, each in the middle of the one before; None if
            they are not.

    Raises:
        ValueError: when a side is too small or too large, the margin is negative, a tile has a margin, there is no such
            method, colour space or parametrisation, the levels do not fit the canvas, the gains do not fit the levels,
            everything is frozen, a film has the method `layers`, or the depths of a zoom do not fit into each other.

    Example:
        >>> from das_core import StackSpec
        >>> spec = StackSpec(width=64, height=32, margin=8)
        >>> spec.canvas
        (48, 80)
        >>> len(spec.resolutions), spec.resolutions[:3], spec.resolutions[-1]
        (20, (4, 8, 12), 80)

        A tile: the margin must be set to 0.

        >>> StackSpec(width=64, height=64, margin=0, tile=True).canvas
        (64, 64)
    """

    width: int = 448
    height: int = 448
    margin: int = 56
    levels: tuple[int, ...] | None = None
    gains: tuple[float, ...] | None = None
    color: ColorSpace = "decorrelated"
    method: Method = "spectral"
    tile: bool = False
    frozen: tuple[Band, ...] = ()
    parametrization: Parametrization = "pyramid"
    time: Time | None = None
    zoom: Zoom | None = None

    def __post_init__(self) -> None:
        check_size(self.width, self.height, self.margin)
        if self.tile and self.margin:
            raise ValueError(
                f"a tile with a margin of {self.margin} pixels cannot be: it goes on at its opposite edge and has no "
                "outside; set margin to 0, or tile to off"
            )
        check_choice("method", self.method, FORMS)
        check_choice("color", self.color, get_args(ColorSpace))
        check_choice("parametrization", self.parametrization, get_args(Parametrization))
        if self.method == "layers" and self.keeps_magnitudes:
            raise ValueError(
                f"'{self.parametrization}' moves phases, which the method 'layers' and the optimizer Adam cannot keep; "
                "choose the method spectral, and another optimizer"
            )
        if self.method == "layers" and self.time is not None:
            raise ValueError("a film does not keep its levels as tensors; choose the method spectral or exact")
        if self.zoom is not None:
            if self.time is not None or self.tile:
                other = "tile, which has no middle" if self.tile else "film, whose images are frames"
                raise ValueError(f"a zoom cannot be a {other}; leave one of the two out")
            self.zoom.check_canvas(self.canvas, self.margin)
        levels = default_levels(self.canvas) if self.levels is None else self.levels
        object.__setattr__(self, "levels", check_levels(levels, max(self.canvas)))
        object.__setattr__(self, "gains", sort_gains(self.gains, levels))
        if covers_all_resolutions(self.frozen, max(self.canvas)):
            bands = ", ".join(map(format_band, self.frozen))
            raise ValueError(f"the frozen bands {bands} leave nothing that could move; freeze fewer")

    @property
    def canvas(self) -> Shape:
        """Height and width of the canvas in pixels, margins included."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The levels, coarse to fine; never None."""
        assert self.levels is not None
        return self.levels

    @property
    def weights(self) -> tuple[float, ...]:
        """The gain of every level, coarse to fine; never None."""
        assert self.gains is not None
        return self.gains

    @property
    def zoom_operator(self) -> ZoomOperator | None:
        """The map from the depths of a zoom to what is seen of them; None for other stacks."""
        return None if self.zoom is None else ZoomOperator(self.zoom, self.canvas, self.margin)

    def find_timeline(self, batch: int) -> Timeline:
        """Return the images that are shown to models: those of the stack, or the moments of a zoom.

        Args:
            batch: how many images the stack holds.
        """
        series = self.time or self.zoom
        return Timeline.from_images(batch) if series is None else series.timeline

    @property
    def keeps_magnitudes(self) -> bool:
        """Whether only phases move: `StackOperator.retract` restores the magnitudes of the spectrum after a step."""
        return self.parametrization == "maco"

    def operator(self, device: torch.device, method: Method | None = None) -> StackOperator[Any]:
        """Return the operator K of this stack, cached by `make_operator`.

        Args:
            device: the device of canvases and gradients.
            method: the form of the operator; the form in the spec if None.
        """
        form = method or self.method
        return make_operator(
            form,
            self.canvas,
            self.resolutions,
            self.weights,
            device,
            self.tile,
            self.frozen,
            self.parametrization,
            self.time,
        )

    def shape_parameters(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the tensors that a stack accumulates, see `ImageStack.parameters`.

        Args:
            batch: how many images the stack holds.
        """
        if self.method != "layers":
            return [(batch, 3, *self.canvas)]
        if self.parametrization != "pyramid":
            return [shape_parameters(self.parametrization, self.canvas, batch)]
        return [(batch, 3, *level_shape(level, self.canvas)) for level in self.resolutions]

    def ascent_bytes(self, batch: int) -> int:
        """Return about how many bytes the canvases of an ascent and the operator need, and levels if it keeps them.

        Not counted are what an optimizer keeps of every level, models, and views; see `ascent.memory`.

        Args:
            batch: how many images, or frames, the stack holds.
        """
        height, width = self.canvas
        levels = self.parameters_bytes(batch) if self.method == "layers" else 0
        # Start, canvas, image, three gradients, momentum, two intermediate products.
        return 4 * 9 * batch * 3 * height * width + self.operator_bytes() + levels

    def operator_bytes(self) -> int:
        """Return about how many bytes the operator takes: its filter, or the matrices that resize every level."""
        height, width = self.canvas
        # The response and its low-pass, the factors of the transform, and what they are made of.
        spectral = 28 * height * width
        if self.time is not None:
            # K in time and its inverse, float32, and what they are made of.
            spectral += 32 * self.time.frames**2
        if self.method == "spectral" or self.parametrization != "pyramid":
            return spectral
        shapes = [level_shape(level, self.canvas) for level in self.resolutions]
        sizes = {(shape[axis], self.canvas[axis]) for shape in shapes for axis in (0, 1)}
        return spectral + 4 * sum(size * side for size, side in sizes)

    def parameters_bytes(self, batch: int) -> int:
        """Return how many bytes the parameters of a stack take, see `shape_parameters`.

        Args:
            batch: how many images the stack holds.
        """
        return 4 * sum(math.prod(shape) for shape in self.shape_parameters(batch))

    def levels_bytes(self, batch: int) -> int:
        """Return how many bytes all levels of a stack take as tensors.

        Args:
            batch: how many images the stack holds.
        """
        shapes = [level_shape(level, self.canvas) for level in self.resolutions]
        return 4 * 3 * batch * sum(height * width for height, width in shapes)
