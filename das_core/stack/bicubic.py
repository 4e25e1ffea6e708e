"""Resampling as matrices: an image is resized by one matrix on each side, its adjoint by their transposes."""

import torch
from torch import Tensor

KEYS_SHARPNESS = -0.75
"""The free parameter of the bicubic kernel (Keys, 1981), at the value that torch, OpenCV and the reference use."""


def bicubic_taps(source: int, target: int, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Which samples bicubic interpolation reads along one axis, and their weights: two tensors (target, 4), float64.

    Pixel centres are aligned (`align_corners=False`) and the border sample repeats beyond the border; in a `tile` what
    lies beyond the border is the other end. From a single sample the weights sum to that sample: level 1 of a stack is
    the constant that nearest interpolation gives.
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
    """What bicubic interpolation does along one axis, as a matrix (target, source), float64."""
    samples, weights = bicubic_taps(source, target, tile)
    return torch.zeros(target, source, dtype=torch.float64).scatter_add_(1, samples, weights)
