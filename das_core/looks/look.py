"""The protocol of looks, and what all of them need."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.geometry import Shape
from ..common.images import count_at_once, map_images
from ..common.modes import without_autocast

FAINTEST = 0.15
"""How much of a look the judges see at the first step; it grows to all of it at the last."""


@runtime_checkable
class Look(Protocol):
    """A function from pixels to the pixels of a picture with a look: any callable like this.

    It is deterministic and keeps no state: what it needs, such as a palette, it finds in the pixels. A look with a
    method `settle(pixels)`, which returns one with what it finds in them fixed, makes the frames of a film alike. With
    `draw(pixels, margin, tile)`, which returns a `Shape` list for pixels (1, 3, H, W), it is saved as these in SVG. If
    it takes far more than eight tensors like its pixels, `estimate_bytes(canvas)` says how many bytes for one picture.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> look: da.looks.Look = da.looks.Cells(cells=8, palette=4)
        >>> picture = look(torch.rand(1, 3, 32, 32))
        >>> len(picture.flatten(2).unique(dim=2)[0, 0]) <= 4
        True
    """

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return pixels of the same shape, type and device.

        Args:
            pixels: (B, 3, H, W), 0..1, which are not changed.
            margin: the width of a border that belongs to no picture; cells and lines begin at the picture's corner.
            tile: whether the picture is a tile, whose opposite edges meet.
        """
        ...


def apply_look(look: Look | None, pixels: Tensor, margin: int, tile: bool, share: float = 1.0) -> Tensor:
    """Return pixels (B, 3, H, W), 0..1, moved a share of the way to their form in a look; None changes nothing."""
    if look is None:
        return pixels
    with torch.no_grad(), without_autocast():
        made = map_images(lambda part: look(part, margin, tile), pixels)
    if not isinstance(made, Tensor) or made.shape != pixels.shape:
        what = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ValueError(f"the look answers {tuple(pixels.shape)} with {what}: it must return pixels of the same shape")
    made = made.to(pixels).clamp(0, 1)
    return made if share >= 1 else pixels.lerp(made, share)


def estimate_look_bytes(look: Look | None, batch: int, canvas: Shape) -> int:
    """Return about how many bytes `apply_look` takes beside pixels (B, 3, H, W) on a canvas (H, W)."""
    if look is None:
        return 0
    values = 3 * math.prod(canvas)
    estimate: Callable[[Shape], int] = getattr(look, "estimate_bytes", lambda _: 8 * 4 * values)
    return count_at_once(batch, batch * values) * estimate(canvas)


def measure_scale(pixels: Tensor, margin: int) -> float:
    """Return the short side of a picture divided by 224: looks that were made for 224 pixels grow with it."""
    return max(1, min(pixels.shape[2:]) - 2 * margin) / 224


def choose_side(pixels: Tensor, margin: int, count: int, tile: bool) -> int:
    """Return the side of cells in pixels, so that about `count` lie along the short side; in a tile it divides both."""
    wanted = max(1, round(measure_scale(pixels, margin) * 224 / count))
    if not tile:
        return wanted
    common = math.gcd(*pixels.shape[2:])
    return min((side for side in range(1, common + 1) if common % side == 0), key=lambda side: abs(side - wanted))


def pad_to_cells(pixels: Tensor, margin: int, side: int) -> tuple[Tensor, int]:
    """Return pixels that whole cells of this side fill, one of which begins at the picture's corner.

    The second value is how many rows and columns, copies of the nearest pixels, come before the first of the pixels.
    """
    before = -margin % side
    below, after = (-(length + before) % side for length in pixels.shape[2:])
    return F.pad(pixels, (before, after, before, below), mode="replicate"), before


def wrap(pixels: Tensor, reach: int, tile: bool) -> Tensor:
    """Return pixels with a border of `reach`: what is at the opposite edge of a tile, else the nearest pixel."""
    mode = "circular" if tile and reach <= min(pixels.shape[2:]) else "replicate"
    return F.pad(pixels, (reach,) * 4, mode=mode)
