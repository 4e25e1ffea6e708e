"""Looks made of regions that follow the picture: stained glass of superpixels, and a low poly of triangles.

Superpixels are those of SLIC (Achanta et al., IEEE TPAMI 34, 2012), each pixel of the nearest of nine centres in colour
and place. The corners of the triangles are the strongest edges of each cell of a grid, joined by Delaunay.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.tri import Triangulation
from torch import Tensor

from ..common.devices import send_to_device
from .colors import check_color, from_hex, to_hex, to_oklab
from .look import check_share, check_whole, choose_side, measure_scale, pad_to_cells, wrap
from .svg import Shape

_ROUNDS = 4
_NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))


@dataclass(frozen=True)
class Glass:
    """Stained glass: pieces of one colour each, which follow the shapes of the picture, with lead between them.

    Args:
        pieces: about how many lie along the short side of the picture.
        lead: the width of the lead, in pixels of a picture of 224, 0 to 8; 0 for none.
        color: the colour of the lead, a hex code.
        evenness: 0.01 to 1; small: pieces follow colours; large: they are nearly squares.

    Example:
        >>> import torch
        >>> from das_core import Glass
        >>> window = Glass(pieces=4, lead=0)(torch.rand(1, 3, 64, 64))
        >>> len(window.flatten(2).unique(dim=2)[0, 0]) <= 16
        True
    """

    pieces: int = 20
    lead: float = 1.0
    color: str = "#1a1a1a"
    evenness: float = 0.2

    def __post_init__(self) -> None:
        check_whole("pieces", self.pieces, 2, 200, "20 along the short side make a window")
        check_share("lead", self.lead, 0, 8, "1 is a thin line, 0 none")
        check_share("evenness", self.evenness, 0.01, 1, "0.2 follows the shapes")
        object.__setattr__(self, "color", check_color(self.color))

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as a window, see `Look`."""
        side = max(2, choose_side(pixels, margin, self.pieces, tile))
        padded, (top, left) = pad_to_cells(pixels, margin, side)
        numbers, colors = find_superpixels(padded, side, self.evenness, tile)
        flat = colors.flatten(2).gather(2, numbers.flatten(1)[:, None].expand(-1, 3, -1)).view_as(padded)
        if self.lead:
            line = find_lines(numbers, self.lead * measure_scale(pixels, margin), tile)
            flat = torch.where(line, from_hex((self.color,), flat).view(3, 1, 1), flat)
        return flat[:, :, top : top + pixels.shape[2], left : left + pixels.shape[3]]

    def settle(self, pixels: Tensor) -> "Glass":
        """Return the look itself: each picture has pieces of its own."""
        return self


def find_superpixels(pixels: Tensor, side: int, evenness: float, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the number of the superpixel of each pixel, (B, H, W), and the mean colours (B, 3, h, w) of all.

    They begin as squares of `side` pixels, by which H and W can be divided.
    """
    height, width = pixels.shape[2:]
    rows, columns = height // side, width // side
    down = torch.arange(height, device=pixels.device, dtype=pixels.dtype).view(1, 1, -1, 1).expand(len(pixels), 1, -1, width)
    right = torch.arange(width, device=pixels.device, dtype=pixels.dtype).view(1, 1, 1, -1).expand(len(pixels), 1, height, -1)
    # Smoothed, or the borders of pieces would fray where the picture has texture.
    soft = wrap(pixels, side // 6, tile)
    lab = to_oklab(F.avg_pool2d(soft, 2 * (side // 6) + 1, stride=1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    # What the distance is measured in: colours, and places relative to the home cell, as a share of its side.
    inner = torch.cat([(down % side + 0.5) / side - 0.5, (right % side + 0.5) / side - 0.5], dim=1) * evenness
    seen = torch.cat([lab, inner], dim=1)
    centers = F.avg_pool2d(seen, side)
    # They begin a little off the grid, or plain surfaces would be walls of bricks.
    jitter = torch.rand(2, rows, columns, generator=torch.Generator().manual_seed(0)) - 0.5
    centers[:, 3:] += 0.8 * evenness * send_to_device(jitter, pixels.device)
    valid = torch.ones(1, 1, rows, columns, device=pixels.device, dtype=pixels.dtype)
    for turn in range(_ROUNDS + 1):
        best = torch.full((len(pixels), 1, height, width), torch.inf, device=pixels.device)
        which = torch.zeros_like(best, dtype=torch.long)
        for number, offset in enumerate(_NEIGHBOURS):
            near = _shift(centers, offset).clone()
            near[:, 3] += offset[0] * evenness
            near[:, 4] += offset[1] * evenness
            if not tile:
                near = torch.where(_inside(valid, offset), near, torch.inf)
            away = (seen - F.interpolate(near, scale_factor=float(side), mode="nearest")).square().sum(dim=1, keepdim=True)
            closer = away < best
            best, which = torch.where(closer, away, best), torch.where(closer, number, which)
        if turn == _ROUNDS:
            break
        # The sums of the pixels of each cell that chose the same neighbour, moved to that neighbour.
        total = torch.zeros(len(pixels), 6, rows, columns, device=pixels.device)
        for number, offset in enumerate(_NEIGHBOURS):
            chose = (which == number).to(seen)
            place = torch.tensor([0, 0, 0, -offset[0] * evenness, -offset[1] * evenness]).to(seen).view(5, 1, 1)
            sums = F.avg_pool2d(torch.cat([(seen + place) * chose, chose], dim=1), side)
            total += _shift(sums, (-offset[0], -offset[1]))
        centers = torch.where(total[:, 5:] > 0, total[:, :5] / total[:, 5:].clamp(min=1e-9), centers)
    home = torch.arange(rows * columns, device=pixels.device).view(1, 1, rows, columns).expand(len(pixels), -1, -1, -1)
    numbers = torch.zeros_like(which)
    total = torch.zeros(len(pixels), 4, rows, columns, device=pixels.device)
    for number, offset in enumerate(_NEIGHBOURS):
        chose = which == number
        names = _shift(home, offset).repeat_interleave(side, 2).repeat_interleave(side, 3)
        numbers = torch.where(chose, names, numbers)
        sums = F.avg_pool2d(torch.cat([pixels * chose, chose.to(pixels)], dim=1), side)
        total += _shift(sums, (-offset[0], -offset[1]))
    return numbers[:, 0], total[:, :3] / total[:, 3:].clamp(min=1e-9)


def _shift(grid: Tensor, offset: tuple[int, int]) -> Tensor:
    """Return a grid whose value at a cell is that of its neighbour at `offset` (rows, columns); it wraps around."""
    return grid.roll((-offset[0], -offset[1]), dims=(2, 3))


def _inside(valid: Tensor, offset: tuple[int, int]) -> Tensor:
    """Return which cells have a neighbour at `offset`, (1, 1, h, w)."""
    padded = F.pad(valid, (1, 1, 1, 1))
    height, width = valid.shape[2:]
    return padded[:, :, 1 + offset[0] : 1 + offset[0] + height, 1 + offset[1] : 1 + offset[1] + width] > 0


def find_lines(numbers: Tensor, width: float, tile: bool) -> Tensor:
    """Return where lines of a width in pixels lie between regions with different numbers (B, H, W), as (B, 1, H, W)."""
    here = numbers[:, None]
    line = torch.zeros_like(here, dtype=torch.bool)
    for dim in (2, 3):
        differs = here != here.roll(-1, dims=dim)
        if not tile:
            differs.select(dim, -1).fill_(False)
        line |= differs
    thick = max(1, round(width))
    before = (thick - 1) // 2
    padded = F.pad(line.float(), (before, thick - 1 - before, before, thick - 1 - before))
    return F.max_pool2d(padded, thick, stride=1) > 0


@dataclass(frozen=True)
class LowPoly:
    """Triangles of one colour each, with corners at the edges of the picture.

    Args:
        cells: about how many corners lie along the short side of the picture.

    Example:
        >>> import torch
        >>> from das_core import LowPoly
        >>> LowPoly(cells=4)(torch.rand(1, 3, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """

    cells: int = 20

    def __post_init__(self) -> None:
        check_whole("cells", self.cells, 2, 200, "20 corners along the short side keep the shapes")

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as triangles, see `Look`."""
        painted = []
        for picture in pixels.split(1):
            _, numbers, colors, border = self._find(picture, margin, tile)
            whole = colors[torch.from_numpy(numbers)].permute(2, 0, 1)
            painted.append(whole[:, border : border + pixels.shape[2], border : border + pixels.shape[3]])
        return torch.stack(painted).to(pixels)

    def draw(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> list[Shape]:
        """Return the triangles of a picture (1, 3, H, W)."""
        triangles, _, colors, border = self._find(pixels, margin, tile)
        corners = np.stack([triangles.x, triangles.y], axis=1)[triangles.triangles] - border
        paths = ["M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in three) + "z" for three in corners.tolist()]
        return [Shape(path, color) for path, color in zip(paths, to_hex(colors), strict=True)]

    def settle(self, pixels: Tensor) -> "LowPoly":
        """Return the look itself: each picture has triangles of its own."""
        return self

    def _find(self, pixels: Tensor, margin: int, tile: bool) -> tuple[Triangulation, np.ndarray, Tensor, int]:
        """Return the triangles of a picture (1, 3, H, W), the number of that of each pixel, colours, and the border."""
        side = max(2, choose_side(pixels, margin, self.cells, tile))
        border = min(2 * side, *pixels.shape[2:]) if tile else 0
        seen = wrap(pixels, border, tile)[0] if border else pixels[0]
        triangles, numbers = find_triangles(seen, side)
        flat, values = numbers.ravel(), seen.detach().cpu().numpy().reshape(3, -1)
        sizes = np.bincount(flat, minlength=len(triangles.triangles))
        means = [np.bincount(flat, weights=one, minlength=len(sizes)) / np.maximum(sizes, 1) for one in values]
        return triangles, numbers, torch.from_numpy(np.stack(means, axis=1).astype(np.float32)), border


def find_triangles(picture: Tensor, side: int) -> tuple[Triangulation, np.ndarray]:
    """Return triangles that fill a picture (3, H, W), and the number of that of each pixel, (H, W).

    The corners are the places of the largest change in each cell of `side` pixels, and places along the border.
    """
    height, width = picture.shape[1:]
    padded = F.pad(F.avg_pool2d(F.pad(picture[None], (1,) * 4, mode="replicate"), 3, stride=1), (1,) * 4, mode="replicate")
    change = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]).abs() + (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]).abs()
    _, places = F.max_pool2d(change.sum(dim=1, keepdim=True), side, ceil_mode=True, return_indices=True)
    flat = places.flatten().cpu().numpy()
    # Off the middles of pixels, or many would lie on the border of two triangles.
    inner = np.stack([flat % width + 0.37, flat // width + 0.61], axis=1)
    inner = inner[(inner > side / 3).all(1) & (inner < np.array([width, height]) - side / 3).all(1)]
    along = [np.linspace(0, length, max(2, round(length / side) + 1)) for length in (width, height)]
    edges = [np.stack([along[0], np.full_like(along[0], y)], 1) for y in (0, height)]
    edges += [np.stack([np.full_like(along[1][1:-1], x), along[1][1:-1]], 1) for x in (0, width)]
    corners = np.concatenate([inner, *edges])
    triangles = Triangulation(corners[:, 0], corners[:, 1])
    right, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return triangles, np.maximum(triangles.get_trifinder()(right, down), 0)
