"""Resampling as matrices: an image is resized by one matrix on each side, its adjoint by their transposes."""

from collections.abc import Sequence

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


def triangle_matrix(source: int, target: int, device: torch.device) -> Tensor:
    """Linear interpolation with antialiasing along one axis, as a matrix (target, source), float32.

    Equals `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`.
    """
    weights = _triangles(source, target, device)
    return weights / weights.sum(dim=1, keepdim=True)


def _triangles(source: int, target: int, device: torch.device) -> Tensor:
    scale = source / target
    centers = (torch.arange(target, device=device) + 0.5) * scale
    samples = torch.arange(source, device=device) + 0.5
    return (1 - (samples[None, :] - centers[:, None]).abs() / max(scale, 1.0)).clamp_(min=0)


def triangle_adjoint(images: Tensor, source: int) -> Tensor:
    """What resizing squares (C, source, source) to (C, S, S) by `triangle_matrix` on both sides has as its adjoint.

    The library's own backward does not repeat its bits on CUDA; this one only reads, and does.
    """
    size, device = images.shape[-1], images.device
    if source <= size:
        resize = triangle_matrix(source, size, device)
        return resize.T @ images @ resize
    # Shrinking by triangles, a pixel is read by the two outputs around it and no others, by each with the weight with
    # which linear interpolation between them would read it back; then divided by the sum of that output's weights.
    position = (torch.arange(source, device=device) + 0.5) * (size / source) - 0.5
    first = position.floor()
    share = position - first
    weights = (1 - share).where(first >= 0, 0), share.where(first < size - 1, 0)
    outputs = first.long().clamp(min=0), (first.long() + 1).clamp(max=size - 1)
    sums = _triangles(source, size, device).sum(dim=1)
    wide = _read(images / (sums[:, None] * sums), outputs, weights)
    tall = images.new_empty(images.shape[0], source, source)
    # One channel at a time stays in the caches of a CPU.
    for channel, out in zip(wide, tall, strict=True):
        torch.mul(channel.index_select(0, outputs[0]), weights[0][:, None], out=out)
        out.addcmul_(channel.index_select(0, outputs[1]), weights[1][:, None])
    return tall


def _read(images: Tensor, indices: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The sum of the last axis read at the first indices and at the second ones, weighted."""
    near, far = (images.gather(-1, index.expand(*images.shape[:-1], -1)) for index in indices)
    return near.mul_(weights[0]).addcmul_(far, weights[1])
