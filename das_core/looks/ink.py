"""Ink on paper: two tones, drawn with a threshold, lines, hatching, dots or a halftone."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.choices import check_choice
from ..common.coarse_blur import blur_coarsely
from ..common.devices import send_to_device
from ..common.images import show_luminance
from ..common.scalars import check_number
from .colors import check_color, from_hex
from .look import measure_scale, wrap

Drawing = Literal["threshold", "lines", "hatching", "stipple", "halftone"]
"""How ink shows tone: dark where a place is darker than its surroundings; by lines that become wider; by lines that
cross where it is darker; by small dots at random places; or by dots in rows."""

_REACH = 24.0  # The size of the surroundings of a place, in pixels of a picture of 224.


@dataclass(frozen=True)
class Ink:
    """Two tones: ink and paper.

    Args:
        drawing: how ink shows tone: threshold, lines, hatching, stipple or halftone.
        spacing: the distance of lines or dots, in pixels of a picture of 224, 1 to 56.
        ink: the colour of the ink, a hex code.
        paper: that of the paper.
        contrast: how strongly a place is compared with its surroundings, 0 to 4; 0 shows tone alone.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> drawing = da.looks.Ink("halftone")(torch.rand(1, 3, 64, 64))
        >>> len(drawing.flatten(2).unique(dim=2)[0, 0])
        2
    """

    drawing: Drawing = "threshold"
    spacing: float = 4.0
    ink: str = "#141414"
    paper: str = "#f5f1e8"
    contrast: float = 0.5

    def __post_init__(self) -> None:
        check_choice("drawing", self.drawing, get_args(Drawing))
        check_number("spacing", self.spacing, 1, 56, "4 is fine, 10 coarse")
        check_number("contrast", self.contrast, 0, 4, "0.5 shows shapes, 0 tone alone")
        for name in ("ink", "paper"):
            object.__setattr__(self, name, check_color(getattr(self, name)))

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as a drawing, see `Look`."""
        scale = measure_scale(pixels, margin)
        tone = show_luminance(pixels)
        reach = math.ceil(3 * _REACH * scale / 2)
        around = blur_coarsely(wrap(tone, reach, tile), _REACH * scale / 2)[..., reach:-reach, reach:-reach]
        if self.drawing == "threshold":
            bright = tone > 0.25 + 0.5 * around
        else:
            shown = tone + self.contrast * (tone - around)
            spacing = max(2.0, self.spacing * scale)
            height, width = pixels.shape[2:]
            bright = shown > _make_screen(self.drawing, height, width, margin, spacing, pixels.device)
        ink, paper = from_hex((self.ink, self.paper), pixels).view(2, 3, 1, 1)
        return torch.where(bright, paper, ink)


@cached(maxsize=8)
def _make_screen(
    drawing: Drawing, height: int, width: int, margin: int, spacing: float, device: torch.device
) -> Tensor:
    """Return for each pixel the tone (H, W) from which it is paper: as many are below a tone as it is bright."""
    # Made on the CPU, so that dots are the same on all devices.
    down = (torch.arange(height, dtype=torch.float32) - margin)[:, None] / spacing
    right = (torch.arange(width, dtype=torch.float32) - margin)[None] / spacing
    if drawing == "lines":
        tones = _near_line(down + 0.15 * torch.sin(right / 3))
    elif drawing == "hatching":
        # Three layers of lines, which begin one after the other as it becomes darker.
        slanted, crossed = (_near_line((right + sign * down) * 0.7071) for sign in (1, -1))
        level = _near_line(down + 0.1 * torch.sin(right / 5))
        tones = torch.maximum(0.4 + 0.6 * slanted, torch.maximum(0.7 * crossed, 0.4 * level))
    elif drawing == "halftone":
        tones = torch.cos(math.pi * (right + down)) * torch.cos(math.pi * (right - down))
    else:
        tones = _scatter(down, right)
    # Their ranks: spread evenly over 0..1, in the same order.
    order = tones.flatten().argsort(stable=True)
    ranks = torch.empty(len(order)).scatter_(0, order, (torch.arange(len(order)) + 0.5) / len(order))
    return send_to_device(ranks.view_as(tones), device)


def _near_line(phase: Tensor) -> Tensor:
    """Return 1 in the middle of a line and 0 between two, at a phase in lines."""
    return 1 - 2 * (phase - phase.round()).abs()


def _scatter(down: Tensor, right: Tensor) -> Tensor:
    """Return how near each place is to the nearest of dots, one at random in each cell of a grid of step 1."""
    best = torch.full((len(down), right.shape[1]), -9.0)
    for row, column in ((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)):
        y, x = down.floor() + row, right.floor() + column
        # A hash of the cell gives the place of its dot.
        hashed = (torch.sin(y * 12.9898 + x * 78.233) * 43758.5453, torch.sin(y * 39.3468 + x * 11.135) * 24634.6345)
        along, across = (0.15 + 0.7 * (value - value.floor()) for value in hashed)
        best = torch.maximum(best, -((down - y - along) ** 2) - (right - x - across) ** 2)
    return best
