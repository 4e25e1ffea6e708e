"""Denoising by total variation (Rudin, Osher and Fatemi, Physica D 60, 1992; docs/method.md, The denoiser).

u = x - w div p: p has a vector of at most length 1, with entries for all channels, for every pixel, and minimises
|x / w - div p|, by projected gradient descent.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.images import map_images
from ..common.interruption import allow_interrupt, pausing
from ..common.scalars import check_number

_STEP = 0.248  # Of the dual descent, which converges below 2 / 8: 8 bounds the squared norm of the divergence.
_ROUNDS = 4  # Of the dual descent at a scale of 1. A round spreads a change by one pixel: larger scales take more.


@dataclass(frozen=True)
class TotalVariation:
    """The denoiser of Rudin, Osher and Fatemi: it makes surfaces even and keeps edges sharp.

    Its weight is the strength times the scale: a square that is twice as wide loses half as much contrast.

    Args:
        rounds: of projected gradient descent, for a scale of 1, at least 1; a larger scale takes more, in proportion.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> step = torch.full((1, 3, 32, 32), 0.25)
        >>> step[..., 16:] = 0.75
        >>> noisy = step + 0.05 * torch.randn(step.shape, generator=torch.Generator().manual_seed(0))
        >>> denoised = da.ascent.TotalVariation(rounds=30)(noisy, strength=0.1)
        >>> [round(float((image - step).abs().mean()), 3) for image in (noisy, denoised)]
        [0.04, 0.006]
    """

    rounds: int = _ROUNDS
    name: ClassVar[str] = "total variation"

    def __post_init__(self) -> None:
        check_number("rounds", self.rounds, 1, math.inf, f"{_ROUNDS} are usual", whole=True)

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the pixels with even surfaces; see `Denoiser`."""
        weight = strength * scale
        if not weight > 0:
            return pixels
        rounds = math.ceil(self.rounds * max(1.0, scale))
        return map_images(lambda part: _descend(part, weight, rounds, tile), pixels)


def _descend(pixels: Tensor, weight: float, rounds: int, tile: bool) -> Tensor:
    """Return images (B, 3, H, W), 0..1, denoised with `weight` as the weight of the total variation."""
    # The vectors p, and buffers that all rounds share: to allocate such tensors takes longer than to compute values.
    down, right = torch.zeros_like(pixels), torch.zeros_like(pixels)
    residual, length = torch.empty_like(pixels), torch.empty_like(pixels[:, :1])
    for _ in pausing(range(rounds)):
        _add_divergence(torch.mul(pixels, -1 / weight, out=residual), down, right, 1.0, tile)
        _add_gradient(down, right, residual, tile)
        allow_interrupt()
        length.zero_()
        for vectors in (down, right):
            for channel in vectors.split(1, dim=1):
                length.addcmul_(channel, channel)
        allow_interrupt()
        shrink = length.clamp_(min=1).rsqrt_()
        down.mul_(shrink)
        right.mul_(shrink)
    return _add_divergence(residual.copy_(pixels), down, right, -weight, tile).clamp_(0, 1)


def _add_gradient(down: Tensor, right: Tensor, values: Tensor, tile: bool) -> None:
    """Add the forward differences of values, multiplied by `_STEP`, to the vectors (down, right), in place."""
    down[:, :, :-1].add_(values[:, :, 1:], alpha=_STEP).sub_(values[:, :, :-1], alpha=_STEP)
    right[..., :-1].add_(values[..., 1:], alpha=_STEP).sub_(values[..., :-1], alpha=_STEP)
    if tile:
        down[:, :, -1:].add_(values[:, :, :1], alpha=_STEP).sub_(values[:, :, -1:], alpha=_STEP)
        right[..., -1:].add_(values[..., :1], alpha=_STEP).sub_(values[..., -1:], alpha=_STEP)


def _add_divergence(values: Tensor, down: Tensor, right: Tensor, factor: float, tile: bool) -> Tensor:
    """Add the divergence of the vectors (down, right), multiplied by a factor, to values, in place."""
    values.add_(down, alpha=factor).add_(right, alpha=factor)
    values[:, :, 1:].sub_(down[:, :, :-1], alpha=factor)
    values[..., 1:].sub_(right[..., :-1], alpha=factor)
    if tile:
        values[:, :, :1].sub_(down[:, :, -1:], alpha=factor)
        values[..., :1].sub_(right[..., -1:], alpha=factor)
    return values
