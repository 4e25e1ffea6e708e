"""Bicubic resampling as matrices.

An image X is resized by one matrix on each side, A X B'. The adjoint of that is multiplication by the transposes,
A' Y B.
"""

import torch
from torch import Tensor

KEYS_SHARPNESS = -0.75
"""The free parameter of the bicubic kernel (Keys, 1981). PyTorch, which the authors' code of Direct Ascent Synthesis
uses, and OpenCV have this value."""


def bicubic_taps(source: int, target: int, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the samples that bicubic interpolation uses along one axis, and their weights.

    Pixel centres are aligned (`align_corners=False`). From a single sample the interpolation gives that sample
    everywhere, because the weights of a target sample sum to 1.

    Args:
        source: how many samples there are.
        target: how many samples are interpolated.
        tile: whether the samples wrap around at the ends; otherwise the last sample is repeated beyond its end.

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


def bicubic_matrix(source: int, target: int, tile: bool = False) -> Tensor:
    """Return bicubic interpolation along one axis as a matrix (target, source), float64.

    Args:
        source: how many samples there are.
        target: how many samples are interpolated.
        tile: whether the samples wrap around at the ends; otherwise the last sample is repeated beyond its end.
    """
    return bicubic_columns(*bicubic_taps(source, target, tile), 0, source)


def bicubic_columns(samples: Tensor, weights: Tensor, begin: int, end: int) -> Tensor:
    """Return some columns of the matrix of `bicubic_matrix`: the weights of some source samples in all target samples.

    Args:
        samples: the indices of `bicubic_taps`, (target, 4).
        weights: its weights, (target, 4).
        begin: the first source sample, from 0.
        end: the one after the last.

    Returns:
        (target, end - begin), float64.

    Example:
        >>> from das_core.stack.bicubic import bicubic_columns, bicubic_matrix, bicubic_taps
        >>> torch.equal(bicubic_columns(*bicubic_taps(5, 9), 2, 4), bicubic_matrix(5, 9)[:, 2:4])
        True
    """
    weights = weights.where((samples >= begin) & (samples < end), 0)
    samples = samples.clamp(begin, end - 1) - begin
    return torch.zeros(len(samples), end - begin, dtype=torch.float64).scatter_add_(1, samples, weights)
