"""Denoising by total variation: the nearest image whose brightness changes little in all, so surfaces become even.

Rudin, Osher and Fatemi (Nonlinear total variation based noise removal algorithms, Physica D 60, 1992) ask for the image
u that minimises

    |u - x|^2 / 2  +  w * (sum over all pixels of the length of the gradient of u)

Chambolle (An algorithm for total variation minimization and applications, J. Math. Imaging Vis. 20, 2004) finds it
from its dual: u = x - w div p, where p has one vector for every pixel, no longer than 1, and minimises |x / w - div p|.
Here p is found by projected gradient descent, as in Chambolle (EMMCVPR 2005). The three channels share one length, as
in Bresson and Chan (Inverse Problems and Imaging 2, 2008), so that edges stay where they are in all channels.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.images import map_images
from ..common.interruption import allow_interrupt, pausing

_STEP = 0.248
"""The size of a step of the dual descent. It converges below 2 / 8: 8 bounds the squared norm of the divergence."""

_ROUNDS = 4
"""The rounds at a scale of 1. One round carries a change one pixel further, so larger scales take more; measured at
a strength of 0.03, four of them reach the minimum to within some percent of the objective."""


@dataclass(frozen=True)
class TotalVariation:
    """The denoiser of Rudin, Osher and Fatemi: even surfaces, edges that stay sharp.

    The weight w of the total variation is the strength times the scale. A square patch n pixels wide loses 4 w / n of
    its height, so a patch that is twice as wide needs twice the weight to be flattened as much.

    Args:
        rounds: how many rounds of the dual descent a scale of 1 takes, at least 1; the rounds grow with the scale. More
            come nearer to the minimum and take longer.

    Raises:
        ValueError: when there are no rounds.

    Example:
        >>> import torch
        >>> from das_core import TotalVariation
        >>> step = torch.full((1, 3, 32, 32), 0.25)
        >>> step[..., 16:] = 0.75
        >>> noisy = step + 0.05 * torch.randn(step.shape, generator=torch.Generator().manual_seed(0))
        >>> denoised = TotalVariation(rounds=30)(noisy, strength=0.1)
        >>> [round(float((image - step).abs().mean()), 3) for image in (noisy, denoised)]
        [0.04, 0.006]
    """

    rounds: int = _ROUNDS
    name: ClassVar[str] = "total variation"

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"{self.rounds} rounds are too few; at least 1 is needed, and {_ROUNDS} are usual")

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the pixels with even surfaces; see `Denoiser`."""
        weight = strength * scale
        if not weight > 0:
            return pixels
        rounds = math.ceil(self.rounds * max(1.0, scale))
        return map_images(lambda part: _descend(part, weight, rounds, tile), pixels)


def _descend(pixels: Tensor, weight: float, rounds: int, tile: bool) -> Tensor:
    """Return images (B, 3, H, W) after some rounds of the dual descent, with this weight of the total variation."""
    # The vectors p, and room for what every round computes: new tensors of this size cost more than their contents.
    down, right = torch.zeros_like(pixels), torch.zeros_like(pixels)
    residual, length = torch.empty_like(pixels), torch.empty_like(pixels[:, :1])
    for _ in pausing(range(rounds)):
        _add_divergence(torch.mul(pixels, -1 / weight, out=residual), down, right, 1.0, tile)
        _add_gradient(down, right, residual, _STEP, tile)
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


def _add_gradient(down: Tensor, right: Tensor, values: Tensor, factor: float, tile: bool) -> None:
    """Add a factor times the forward differences of values to vectors, in place; at an edge there is none."""
    down[:, :, :-1].add_(values[:, :, 1:], alpha=factor).sub_(values[:, :, :-1], alpha=factor)
    right[..., :-1].add_(values[..., 1:], alpha=factor).sub_(values[..., :-1], alpha=factor)
    if tile:
        down[:, :, -1:].add_(values[:, :, :1], alpha=factor).sub_(values[:, :, -1:], alpha=factor)
        right[..., -1:].add_(values[..., :1], alpha=factor).sub_(values[..., -1:], alpha=factor)


def _add_divergence(values: Tensor, down: Tensor, right: Tensor, factor: float, tile: bool) -> Tensor:
    """Add a factor times the divergence of vectors to values, in place: the negative transpose of the differences."""
    values.add_(down, alpha=factor).add_(right, alpha=factor)
    values[:, :, 1:].sub_(down[:, :, :-1], alpha=factor)
    values[..., 1:].sub_(right[..., :-1], alpha=factor)
    if tile:
        values[:, :, :1].sub_(down[:, :, -1:], alpha=factor)
        values[..., :1].sub_(right[..., -1:], alpha=factor)
    return values
