"""Bicubic resampling as matrices: an image X is resized by one matrix on each side, A X B', with ' for a transpose."""

import torch
from torch import Tensor

from ..common.interruption import pausing

KEYS_SHARPNESS = -0.75
"""The free parameter of the bicubic kernel (Keys, 1981). OpenCV and PyTorch (without antialiasing) use this value. The
authors' code of Direct Ascent Synthesis resizes with PyTorch."""


def bicubic_taps(source: int, target: int, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the samples that bicubic interpolation uses along one axis, and their weights."""
    position = (torch.arange(target, dtype=torch.float64) + 0.5) * (source / target) - 0.5
    first = position.floor()
    offset = (position - first)[:, None]
    distance = torch.cat([offset + 1, offset, 1 - offset, 2 - offset], dim=1)
    a = KEYS_SHARPNESS
    near = ((a + 2) * distance - (a + 3)) * distance.square() + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    samples = first[:, None].long() + torch.arange(-1, 3)
    samples = samples.remainder_(source) if tile else samples.clamp_(0, source - 1)
    return samples, torch.where(distance <= 1, near, far)


_MOST_AT_ONCE = 2**21
"""How many entries of a matrix are computed at once in float64: 16 MiB."""


def bicubic_matrix(source: int, target: int, tile: bool = False, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return bicubic interpolation along one axis as a matrix (target, source), computed in float64 in parts."""
    rows = max(1, _MOST_AT_ONCE // source)
    matrix = torch.empty(target, source, dtype=dtype)
    parts = (each.split(rows) for each in (matrix, *bicubic_taps(source, target, tile)))
    for into, samples, weights in pausing(zip(*parts, strict=True)):
        into.copy_(bicubic_columns(samples, weights, 0, source))
    return matrix


def bicubic_columns(samples: Tensor, weights: Tensor, begin: int, end: int) -> Tensor:
    """Return some columns of `bicubic_matrix`: the weights of some source samples in all interpolated samples."""
    weights = weights.where((samples >= begin) & (samples < end), 0)
    samples = samples.clamp(begin, end - 1) - begin
    return torch.zeros(len(samples), end - begin, dtype=torch.float64).scatter_add_(1, samples, weights)
