"""Looks made of regions that follow the picture: stained glass of superpixels, and a low poly of triangles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import send_to_device
from ..common.interruption import pausing
from ..common.scalars import check_number
from .colors import check_color, from_hex, to_hex, to_oklab
from .look import choose_side, measure_scale, pad_to_cells, wrap
from .svg import Shape

if TYPE_CHECKING:
    from matplotlib.tri import Triangulation

_ROUNDS = 4
_NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))


@dataclass(frozen=True)
class Glass:
    """Stained glass: pieces of one colour each, which follow the shapes of the picture, with lead between them.

    Args:
        pieces: about how many lie along the short side of the picture, 2 to 200.
        lead: the width of the lead, in pixels of a picture of 224, 0 to 8; 0 for none.
        color: the colour of the lead, a hex code.
        evenness: 0.01 to 1; small: pieces follow colours; large: they are nearly squares.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> window = da.looks.Glass(pieces=4, lead=0)(torch.rand(1, 3, 64, 64))
        >>> len(window.flatten(2).unique(dim=2)[0, 0]) <= 16
        True
    """

    pieces: int = 20
    lead: float = 1.0
    color: str = "#1a1a1a"
    evenness: float = 0.2

    def __post_init__(self) -> None:
        check_number("pieces", self.pieces, 2, 200, "20 along the short side make a window", whole=True)
        check_number("lead", self.lead, 0, 8, "1 is a thin line, 0 none")
        check_number("evenness", self.evenness, 0.01, 1, "0.2 follows the shapes")
        object.__setattr__(self, "color", check_color(self.color))

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as a window, see `Look`."""
        side = max(2, choose_side(pixels, margin, self.pieces, tile))
        if side > 16 and not tile:
            side = round(side / 4) * 4  # So that `find_superpixels` may work at a lower resolution.
        padded, before = pad_to_cells(pixels, margin, side)
        numbers, colors = find_superpixels(padded, side, self.evenness, tile)
        flat = colors.flatten(2).gather(2, numbers.flatten(1)[:, None].expand(-1, 3, -1)).view_as(padded)
        if self.lead:
            line = find_lines(numbers, self.lead * measure_scale(pixels, margin), tile)
            flat = torch.where(line, from_hex((self.color,), flat).view(3, 1, 1), flat)
        return flat[:, :, before : before + pixels.shape[2], before : before + pixels.shape[3]]


def find_superpixels(pixels: Tensor, side: int, evenness: float, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the number of the superpixel (SLIC) of each pixel, (B, H, W), and the mean colours (B, 3, h, w) of all;
    they begin as squares of `side` pixels, by which H and W can be divided."""
    # The centres are found at a lower resolution, which takes a fraction of the time.
    shrink = next((factor for factor in (4, 2) if side % factor == 0 and side >= 8 * factor), 1)
    seen = _describe(F.avg_pool2d(pixels, shrink), side // shrink, evenness)
    centers = F.avg_pool2d(seen, side // shrink)
    # They begin a little off the grid, or plain surfaces would be walls of bricks.
    jitter = torch.rand(2, *centers.shape[2:], generator=torch.Generator().manual_seed(0)) - 0.5
    centers[:, 3:] += 0.8 * evenness * send_to_device(jitter, pixels.device)
    for _ in range(_ROUNDS):
        which = _choose_neighbours(seen, centers, side // shrink, evenness, tile)
        centers = _average(seen, which, centers, side // shrink, evenness)
    which = _choose_neighbours(_describe(pixels, side, evenness), centers, side, evenness, tile)
    home = torch.arange(centers[0, 0].numel(), device=pixels.device).view(1, 1, *centers.shape[2:])
    numbers = torch.zeros_like(which)
    for number, (row, column) in pausing(enumerate(_NEIGHBOURS)):
        names = home.roll((-row, -column), dims=(2, 3)).repeat_interleave(side, 2).repeat_interleave(side, 3)
        numbers = torch.where(which == number, names, numbers)
    return numbers[:, 0], _average(pixels, which, F.avg_pool2d(pixels, side), side, 0.0)


def _describe(pixels: Tensor, side: int, evenness: float) -> Tensor:
    """Return what is compared (B, 5, H, W): colours in OKLab, and places relative to the middle of the square."""
    height, width = pixels.shape[2:]
    # Smoothed, or the borders of pieces would fray where the picture has texture.
    cell = max(1, side // 6)
    soft = F.interpolate(F.avg_pool2d(pixels, cell, ceil_mode=True), scale_factor=float(cell), mode="bilinear")
    soft = soft[:, :, :height, :width]
    lab = to_oklab(soft.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    down, right = (torch.arange(n, device=pixels.device).remainder(side).add(0.5) / side - 0.5 for n in (height, width))
    places = torch.stack([down[:, None].expand(height, width), right.expand(height, width)]) * evenness
    return torch.cat([lab, places.to(lab).expand(len(pixels), -1, -1, -1)], dim=1)


def _average(values: Tensor, which: Tensor, old: Tensor, side: int, evenness: float) -> Tensor:
    """Return the means of the values (B, C, H, W) of the pixels that chose each centre; `old` of those without any."""
    counted = torch.cat([values, torch.ones_like(values[:, :1])], dim=1)
    total = torch.zeros_like(counted[:, :, : old.shape[2], : old.shape[3]])
    # Sums by squares, moved to the neighbour, in place of `index_add_`, which adds in no fixed order on CUDA.
    for number, (row, column) in pausing(enumerate(_NEIGHBOURS)):
        sums = F.avg_pool2d(counted * (which == number), side)
        if evenness:
            sums[:, 3] -= row * evenness * sums[:, -1]
            sums[:, 4] -= column * evenness * sums[:, -1]
        total += sums.roll((row, column), dims=(2, 3))
    return torch.where(total[:, -1:] > 0, total[:, :-1] / total[:, -1:].clamp(min=1e-9), old)


def _choose_neighbours(seen: Tensor, centers: Tensor, side: int, evenness: float, tile: bool) -> Tensor:
    """Return which of `_NEIGHBOURS` has the nearest centre for each pixel (B, 5, H, W), as (B, 1, H, W)."""
    best, which = torch.full_like(seen[:, :1], torch.inf), torch.zeros_like(seen[:, :1], dtype=torch.long)
    edge = F.pad(torch.zeros_like(centers[:1, :1]), (1,) * 4, value=0.0 if tile else torch.inf)
    rows, columns = centers.shape[2:]
    for number, (row, column) in pausing(enumerate(_NEIGHBOURS)):
        near = centers.roll((-row, -column), dims=(2, 3))
        near[:, 3] += row * evenness
        near[:, 4] += column * evenness
        near = near + edge[:, :, 1 + row : 1 + row + rows, 1 + column : 1 + column + columns]
        away = seen - F.interpolate(near, scale_factor=float(side), mode="nearest")
        away = away.square().sum(dim=1, keepdim=True)
        which = torch.where(away < best, number, which)
        best = torch.minimum(away, best)
    return which


def find_lines(numbers: Tensor, width: float, tile: bool) -> Tensor:
    """Return where lines of a width in pixels lie between regions with different numbers (B, H, W), as (B, 1, H, W)."""
    line = torch.zeros_like(numbers, dtype=torch.bool)
    for dim in (1, 2):
        differs = numbers != numbers.roll(-1, dims=dim)
        if not tile:
            differs.select(dim, -1).fill_(False)
        line |= differs
    thick = max(1, round(width))
    before = (thick - 1) // 2
    padded = F.pad(line[:, None].float(), (before, thick - 1 - before, before, thick - 1 - before))
    return F.max_pool2d(padded, thick, stride=1) > 0


@dataclass(frozen=True)
class LowPoly:
    """Triangles of one colour each, with corners at the edges of the picture.

    Args:
        cells: about how many corners lie along the short side of the picture, 2 to 200.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> da.looks.LowPoly(cells=4)(torch.rand(1, 3, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """

    cells: int = 24

    def __post_init__(self) -> None:
        check_number("cells", self.cells, 2, 200, "24 corners along the short side keep the shapes", whole=True)

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as triangles, see `Look`."""
        found = [self._find(picture, margin, tile) for picture in pixels.split(1)]
        return torch.stack([colors[numbers].permute(2, 0, 1) for _, numbers, colors, _ in found]).to(pixels)

    def draw(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> list[Shape]:
        """Return the triangles of a picture (1, 3, H, W)."""
        triangles, _, colors, border = self._find(pixels, margin, tile)
        corners = np.stack([triangles.x, triangles.y], axis=1)[triangles.triangles] - border
        paths = ["M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in three) + "z" for three in corners.tolist()]
        return [Shape(path, color) for path, color in zip(paths, to_hex(colors), strict=True)]

    def _find(self, pixels: Tensor, margin: int, tile: bool) -> "tuple[Triangulation, Tensor, Tensor, int]":
        """Return the triangles of a picture (1, 3, H, W), the number of each pixel's, colours, and their offset."""
        side = max(2, choose_side(pixels, margin, self.cells, tile))
        border = min(2 * side, *pixels.shape[2:]) if tile else 0
        seen = wrap(pixels, border, tile)[0]
        triangles, numbers = find_triangles(seen, side)
        flat, values = numbers.ravel(), seen.detach().cpu().numpy().reshape(3, -1)
        sizes = np.bincount(flat, minlength=len(triangles.triangles))
        means = [np.bincount(flat, weights=one, minlength=len(sizes)) / np.maximum(sizes, 1) for one in values]
        inner = torch.from_numpy(numbers)[border : border + pixels.shape[2], border : border + pixels.shape[3]]
        return triangles, inner, torch.from_numpy(np.stack(means, axis=1).astype(np.float32)), border


def find_triangles(picture: Tensor, side: int) -> "tuple[Triangulation, np.ndarray]":
    """Return triangles that fill a picture (3, H, W), and the number of that of each pixel, (H, W). Corners are the
    places of the largest change in each cell of `side` pixels, and places along the border."""
    from matplotlib.tri import Triangulation  # It takes a second to load.

    height, width = picture.shape[1:]
    soft = wrap(F.avg_pool2d(wrap(picture[None], 1, False), 3, stride=1), 1, False)
    change = (soft[..., 1:-1, 2:] - soft[..., 1:-1, :-2]).abs() + (soft[..., 2:, 1:-1] - soft[..., :-2, 1:-1]).abs()
    _, places = F.max_pool2d(change.sum(dim=1, keepdim=True), side, ceil_mode=True, return_indices=True)
    flat = places.flatten().cpu().numpy()
    # Off the middles of pixels, or many would lie on the border of two triangles.
    inner = np.stack([flat % width + 0.37, flat // width + 0.61], axis=1)
    inner = inner[(inner > side / 3).all(1) & (inner < np.array([width, height]) - side / 3).all(1)]
    across, along = (np.linspace(0, length, max(2, round(length / side) + 1)) for length in (width, height))
    edges = [(x, y) for x in across for y in (0, height)] + [(x, y) for y in along[1:-1] for x in (0, width)]
    corners = np.concatenate([inner, edges])
    triangles = Triangulation(corners[:, 0], corners[:, 1])
    right, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return triangles, np.maximum(triangles.get_trifinder()(right, down), 0)
