"""Weighted means over the neighbours of every pixel, for the bilateral filter and for non-local means."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.interruption import pausing

Weigh = Callable[[Tensor, tuple[int, int]], Tensor]
"""A function that returns the weights (B, 1, H, W), 0..1, of the neighbours at one offset. Its arguments are these
neighbours (B, 3, H, W), one for every pixel, and the offset (rows, columns)."""


def average_neighbours(pixels: Tensor, radius: int, step: int, tile: bool, weigh: Weigh) -> Tensor:
    """Return for every pixel the weighted mean of the pixel itself, which has weight 1, and its neighbours.

    Args:
        pixels: (B, 3, H, W).
        radius: how many neighbours there are on each side along an axis.
        step: the distance from one neighbour to the next, in pixels.
        tile: whether opposite edges meet; if not, the pixels of an edge are repeated beyond the edge.
        weigh: returns the weights (B, 1, H, W) of the neighbours at one offset, given these neighbours (B, 3, H, W) and
            the offset (rows, columns).
    """
    height, width = pixels.shape[2:]
    total, weights = pixels.clone(), torch.ones_like(pixels[:, :1])
    reach = radius * step
    padded = pad_edges(pixels, reach, tile)
    for down, right in pausing(list_offsets(radius, step)):
        beside = padded[:, :, reach + down : reach + down + height, reach + right : reach + right + width]
        weight = weigh(beside, (down, right))
        total.addcmul_(beside, weight)
        weights.add_(weight)
    return total.div_(weights)


def list_offsets(radius: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets (rows, columns), in pixels, of all neighbours of a pixel, without that of the pixel itself.

    Args:
        radius: how many neighbours there are in each direction along an axis.
        step: the distance between two neighbours in pixels.
    """
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            if down or right:
                yield down * step, right * step


def pad_edges(pixels: Tensor, reach: int, tile: bool) -> Tensor:
    """Pad pixels (B, C, H, W) by `reach` on each side: a tile wraps around, other images repeat their edge pixels."""
    if not tile:
        return F.pad(pixels, (reach,) * 4, mode="replicate")
    # Not F.pad with the mode "circular", which wraps around at most once.
    rows, columns = (torch.arange(-reach, length + reach, device=pixels.device) % length for length in pixels.shape[2:])
    return pixels[:, :, rows[:, None], columns]
