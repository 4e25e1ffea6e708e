"""Looks made of few colours: pixel art, posters, cross-stitch and mosaics."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.choices import check_choice
from ..common.scalars import check_number
from .colors import Dither, Palette, check_palette, find_numbers, find_palette, from_hex, to_hex
from .look import choose_side, pad_to_cells

Drawn = Literal["squares", "stitches", "tiles"]
"""What a cell looks like: a square, a cross of two threads on cloth, or a tile of a mosaic with a joint around it."""

_CLOTH, _JOINT = 0.93, 0.55  # The grey of what lies between stitches, and between tiles.


@dataclass(frozen=True)
class Cells:
    """Pixel art: square cells, each of one colour of a palette; without cells, a poster.

    Args:
        cells: how many lie along the short side of the picture; 0 for none, where each pixel has a colour of its own.
        palette: how many colours are found in the picture; the name of a palette; or hex codes.
        dither: how colours between those of the palette are mixed: off, ordered or diffusion.
        drawn: what a cell looks like: squares, stitches or tiles.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> art = da.looks.Cells(cells=8, palette="game boy")(torch.rand(1, 3, 64, 64))
        >>> art.shape, len(art.flatten(2).unique(dim=2)[0, 0]) <= 4
        (torch.Size([1, 3, 64, 64]), True)
    """

    cells: int = 56
    palette: Palette = 14
    dither: Dither = "off"
    drawn: Drawn = "squares"

    def __post_init__(self) -> None:
        check_number("cells", self.cells, 0, 4096, "56 look like a game of 1990; 0 makes a poster", whole=True)
        object.__setattr__(self, "palette", check_palette(self.palette))
        check_choice("dither", self.dither, get_args(Dither))
        check_choice("drawn", self.drawn, get_args(Drawn))

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as cells, see `Look`."""
        side = self.measure_side(pixels, margin, tile)
        padded, before = pad_to_cells(pixels, margin, side)
        small = self.shrink(padded, side)
        large = F.interpolate(small, scale_factor=float(side), mode="nearest")
        if self.drawn != "squares" and side > 2:
            cover, ground = _draw_cell(self.drawn, side, pixels)
            repeated = cover.repeat(small.shape[2], small.shape[3])
            large = large * repeated + ground * (repeated == 0)
        return large[:, :, before : before + pixels.shape[2], before : before + pixels.shape[3]]

    def measure_side(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> int:
        """Return the side of a cell in pixels; 1 without cells."""
        return choose_side(pixels, margin, self.cells, tile) if self.cells else 1

    def shrink(self, pixels: Tensor, side: int) -> Tensor:
        """Return pixels, whose sides are multiples of `side`, with one for each cell, in colours of the palette."""
        means = F.avg_pool2d(pixels, side)
        if isinstance(self.palette, int):
            return torch.cat([self._color(one, find_palette(one, self.palette)) for one in means.split(1)])
        return self._color(means, from_hex(self.palette, means))

    def settle(self, pixels: Tensor) -> "Cells":
        """Return the look with the palette that suits all of some pixels."""
        if not isinstance(self.palette, int):
            return self
        means = F.avg_pool2d(pixels, self.measure_side(pixels), ceil_mode=True)
        return replace(self, palette=to_hex(find_palette(means, self.palette)))

    def _color(self, pixels: Tensor, colors: Tensor) -> Tensor:
        """Return pixels with each in one of the colours (N, 3)."""
        return colors[find_numbers(pixels, colors, self.dither)].permute(0, 3, 1, 2)


def _draw_cell(drawn: Drawn, side: int, like: Tensor) -> tuple[Tensor, float]:
    """Return the factor of a cell's colour at each of its pixels, (side, side), 0 for the ground, and its grey."""
    place = (torch.arange(side, dtype=torch.float32) + 0.5) / side - 0.5
    down, right = place[:, None], place[None]
    if drawn == "tiles":
        cover = 1.06 - 0.12 * (down + right + 1) / 2
        edge = torch.maximum(down, right) > 0.5 - 1 / side
        return torch.where(edge, 0.0, cover).to(like), _JOINT
    # Of two threads, the upper one goes from the lower left; each is rounded, so darker at its sides.
    upper, under = (down + right).abs(), (down - right).abs()
    cover = torch.where(upper < 0.2, 1.05 - upper, torch.where(under < 0.2, 0.95 - 1.5 * under, 0.0))
    return cover.to(like), _CLOTH
