"""Bases of frequencies, in which the operator of a stack is nearly or exactly diagonal."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

_SMALLEST = 1e-12


class Basis(ABC):
    """Filters images (..., height, width) by a response over their frequencies: one number for every coefficient.

    A coefficient has a frequency along each axis, counted in half-waves across that axis (`row_waves`, `column_waves`).
    """

    row_waves: Tensor
    column_waves: Tensor

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.height, self.width, self.device = height, width, device

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """The coefficients of images (..., height, width)."""

    @abstractmethod
    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images (..., height, width) that have these coefficients."""

    def filter(self, images: Tensor, response: Tensor) -> Tensor:
        """Images (..., height, width) with every frequency scaled by `response`, one number for each."""
        weights = self.laid_out(response)
        if images.device.type != "cpu":
            return self.filtered(images, weights)
        # One plane at a time stays in the caches of a CPU, and a large canvas needs less memory.
        planes = torch.empty_like(images, memory_format=torch.contiguous_format)
        for plane, out in zip(images.flatten(0, -3), planes.flatten(0, -3), strict=True):
            out.copy_(self.filtered(plane, weights))
        return planes

    def laid_out(self, response: Tensor) -> Tensor:
        """The response in the order in which `filtered` wants it."""
        return response

    def filtered(self, images: Tensor, weights: Tensor) -> Tensor:
        """Images (..., height, width), all at once, by a response that is laid out."""
        return self.inverse(self.forward(images).mul_(weights))

    def gaussian(self, cutoff: float) -> Tensor:
        """The low-pass response that falls to exp(-1/2) at `cutoff` half-waves across the short side.

        Frequencies are counted per length, not per axis, so that round things stay round on oblong canvases.
        """
        short = min(self.height, self.width)
        row = self.row_waves * (short / self.height / cutoff)
        column = self.column_waves * (short / self.width / cutoff)
        response = torch.outer(*(torch.exp(-waves.square() / 2) for waves in (row, column)))
        # The far tail is nothing to the picture, but as denormal numbers it would slow every product down.
        return response.where(response > _SMALLEST, 0)
