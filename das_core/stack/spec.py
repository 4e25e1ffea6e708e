"""What a stack is made of: its size, levels, colours and the form of its operator."""

from dataclasses import dataclass
from typing import Any

import torch

from ..common.choices import check_choice
from ..common.geometry import Shape
from .bands import Band, cover_everything, format_band
from .color import ColorSpace
from .levels import check_levels, linear_levels
from .linear_operator import StackOperator
from .operator_forms import FORMS, Method, make_operator

SMALLEST_SIDE = 16


@dataclass(frozen=True)
class StackSpec:
    """How a stack is built; two stacks of one spec can be continued, blended and compared.

    Width and height are those of the picture, in pixels; the margin is canvas around it that views may reach into and
    that the picture leaves out. A `tile` goes on at its opposite edges, so it has no margin. Levels are resolutions
    along the long side of the canvas, gains their weights in the sum (1 where not given). What lies in a `frozen` band
    of resolutions stays as it is. Sources: levels, bicubic sum and tanh as in Direct Ascent Synthesis, arXiv
    2502.07753.
    """

    width: int = 224
    height: int = 224
    margin: int = 56
    levels: tuple[int, ...] | None = None
    gains: tuple[float, ...] | None = None
    color: ColorSpace = "decorrelated"
    method: Method = "spectral"
    tile: bool = False
    frozen: tuple[Band, ...] = ()

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            if side < SMALLEST_SIDE:
                raise ValueError(f"{name} {side} is too small; a picture needs at least {SMALLEST_SIDE} pixels a side")
        if self.margin < 0:
            raise ValueError(f"margin {self.margin} is negative; it must be 0 or more pixels")
        if self.tile and self.margin:
            raise ValueError(
                f"a tile with a margin of {self.margin} pixels cannot be: it goes on at its opposite edge and has no "
                "outside; set margin to 0, or tile to off"
            )
        check_choice("method", self.method, FORMS)
        levels = linear_levels(max(self.canvas), 4) if self.levels is None else self.levels
        object.__setattr__(self, "levels", check_levels(levels, max(self.canvas)))
        if self.gains is None:
            object.__setattr__(self, "gains", (1.0,) * len(self.resolutions))
        if len(self.weights) != len(self.resolutions) or min(self.weights) <= 0:
            raise ValueError(f"gains {self.weights} do not fit: {len(self.resolutions)} numbers above 0 are needed")
        if cover_everything(self.frozen, max(self.canvas)):
            bands = ", ".join(map(format_band, self.frozen))
            raise ValueError(f"the frozen bands {bands} leave nothing that could move; freeze fewer")

    @property
    def canvas(self) -> Shape:
        """Height and width of the canvas, margins included."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The levels, coarse to fine."""
        assert self.levels is not None
        return self.levels

    @property
    def weights(self) -> tuple[float, ...]:
        """The gain of every level."""
        assert self.gains is not None
        return self.gains

    def operator(self, device: torch.device, method: Method | None = None) -> StackOperator[Any]:
        """The operator of this stack on `device`, in the form `method` (its own if None)."""
        form = method or self.method
        return make_operator(form, self.canvas, self.resolutions, self.weights, device, self.tile, self.frozen)

    def ascent_bytes(self, batch: int) -> int:
        """About how much memory an ascent needs for its canvases and its operator, models and views not counted."""
        height, width = self.canvas
        # Start, canvas, image, three gradients, momentum, two intermediate products; the filter and its low-pass.
        return 4 * 9 * batch * 3 * height * width + 8 * height * width
