"""Bicubic resampling as matrices.

An image X is resized by one matrix on each side, A X B', where ' marks a transpose. The adjoint takes an image Y of the
new size to A' Y B.
"""

import torch
from torch import Tensor

from ..common.interruption import pausing

KEYS_SHARPNESS = -0.75
"""The free parameter of the bicubic kernel (Keys, 1981). OpenCV and PyTorch (without antialiasing) use this value. The
authors' code of Direct Ascent Synthesis resizes with PyTorch."""


def bicubic_taps(source: int, target: int, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the samples that bicubic interpolation uses along one axis, and their weights.

    Each sample lies in the middle of its pixel (`align_corners=False`). The weights of an interpolated sample sum to 1,
    so a single source sample gives the same value everywhere.

    Args:
        source: the number of given samples.
        target: the number of interpolated samples.
        tile: whether the samples wrap around at the ends; otherwise the outermost samples are repeated beyond them.

    Returns:
        Indices of source samples, int64, and their weights, float64, both (target, 4): a row for each interpolated
        sample. Near the ends an index may occur more than once in a row.
    """
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
    """Return bicubic interpolation along one axis as a matrix (target, source).

    The entries are computed in float64, some rows at a time, so that a float32 matrix takes no more than its own bytes.

    Args:
        source: the number of given samples.
        target: the number of interpolated samples.
        tile: whether the samples wrap around at the ends; otherwise the outermost samples are repeated beyond them.
        dtype: the type of the matrix.
    """
    rows = max(1, _MOST_AT_ONCE // source)
    matrix = torch.empty(target, source, dtype=dtype)
    parts = (each.split(rows) for each in (matrix, *bicubic_taps(source, target, tile)))
    for into, samples, weights in pausing(zip(*parts, strict=True)):
        into.copy_(bicubic_columns(samples, weights, 0, source))
    return matrix


def bicubic_columns(samples: Tensor, weights: Tensor, begin: int, end: int) -> Tensor:
    """Return some columns of `bicubic_matrix`: the weights of some source samples in all interpolated samples.

    Args:
        samples: the indices that `bicubic_taps` returns, (target, 4).
        weights: the weights that `bicubic_taps` returns, (target, 4).
        begin: the index of the first source sample.
        end: the index after that of the last source sample.

    Returns:
        A matrix (target, end - begin), float64.

    Example:
        >>> from das_core.stack.bicubic import bicubic_columns, bicubic_matrix, bicubic_taps
        >>> torch.equal(bicubic_columns(*bicubic_taps(5, 9), 2, 4), bicubic_matrix(5, 9)[:, 2:4])
        True
    """
    weights = weights.where((samples >= begin) & (samples < end), 0)
    samples = samples.clamp(begin, end - 1) - begin
    return torch.zeros(len(samples), end - begin, dtype=torch.float64).scatter_add_(1, samples, weights)
