"""The two-dimensional cosine basis, in which the operator of a stack is very nearly diagonal."""

import math

import torch
from torch import Tensor

from .cache import cached

_SMALLEST = 1e-12


@cached(maxsize=8)
def cosine_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II as a matrix (frequency, sample), float64 on the CPU."""
    position = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (position[None, :] + 0.5) * position[:, None])
    matrix *= math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


class CosineBasis:
    """Filters images (..., height, width) by a response (height, width) over their cosine frequencies.

    A filter is two small matrix products there and two back: at canvas sizes that is as fast as a fast transform, and
    it runs alike on every device.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.height, self.width = height, width
        self._rows = cosine_matrix(height).to(device, torch.float32)
        self._columns = cosine_matrix(width).to(device, torch.float32)

    def forward(self, images: Tensor) -> Tensor:
        """Cosine coefficients of images (..., height, width)."""
        return self._rows @ images @ self._columns.T

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images that have these coefficients."""
        return self._rows.T @ coefficients @ self._columns

    def filter(self, images: Tensor, response: Tensor) -> Tensor:
        """Images (..., height, width) with every frequency scaled by `response` (height, width)."""
        return self.inverse(self.forward(images).mul_(response))

    def gaussian(self, cutoff: float) -> Tensor:
        """The low-pass response (height, width) that falls to exp(-1/2) at `cutoff` half-waves across the short side.

        Frequencies are counted per length, not per axis, so that round things stay round on oblong canvases.
        """
        short = min(self.height, self.width)
        device = self._rows.device
        row = torch.arange(self.height, device=device) * (short / self.height)
        column = torch.arange(self.width, device=device) * (short / self.width)
        response = torch.exp(-(row[:, None].square() + column[None, :].square()) / (2 * cutoff**2))
        # The far tail is nothing to the picture, but as denormal numbers it would slow every product down.
        return response.where(response > _SMALLEST, 0)
