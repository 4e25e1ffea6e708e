"""Bases of frequencies, in which the operator of a stack is nearly or exactly diagonal."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..common.geometry import Shape

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
        weights = self.arrange(response)
        if images.device.type != "cpu":
            return self.apply_response(images, weights)
        # One plane at a time stays in the caches of a CPU, and a large canvas needs less memory.
        planes = torch.empty_like(images, memory_format=torch.contiguous_format)
        for plane, out in zip(images.flatten(0, -3), planes.flatten(0, -3), strict=True):
            out.copy_(self.apply_response(plane, weights))
        return planes

    def arrange(self, response: Tensor) -> Tensor:
        """The response in the order in which `filtered` wants it."""
        return response

    def apply_response(self, images: Tensor, weights: Tensor) -> Tensor:
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


class CosineBasis(Basis):
    """The orthonormal DCT-II along both axes of float32 images; coefficients have the shape of the image.

    It takes one real Fourier transform of as many samples: along each axis the even ones first, the odd ones backward
    behind them. A filter leaves the coefficients as they come out of that, two in a complex number: the real part is
    the one of frequencies (j, k), the imaginary part the negative of that of (j, width - k). Source: Makhoul, A fast
    cosine transform in one and two dimensions, IEEE ASSP 28 (1980).
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__(height, width, device)
        self.row_waves = torch.arange(height, device=device)
        self.column_waves = torch.arange(width, device=device)
        self._half = width // 2 + 1
        self._rows, self._columns = _fold_order(height).to(device), _fold_order(width).to(device)
        self._rows_back, self._columns_back = self._rows.argsort(), self._columns.argsort()
        near = torch.arange(self._half, device=device)
        self._pairs = torch.stack([near, (width - near) % width], -1).flatten()
        rows, columns = _phase_factors(height)[:, None], _phase_factors(width)[: self._half]
        # A row of coefficients is the sum of two of the Fourier transform, but for the first.
        summed = torch.full((height, 1), 2.0)
        summed[0] = 1
        self._turn = (rows * columns / summed).to(device, torch.complex64)
        self._turn_back = (1 / (rows * columns)).to(device, torch.complex64)

    def forward(self, images: Tensor) -> Tensor:
        """Cosine coefficients (..., height, width) of images (..., height, width)."""
        pairs = self._to_pairs(images)
        return torch.cat([pairs.real, pairs.imag[..., 1 : (self.width + 1) // 2].flip(-1).neg_()], -1)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images that have these coefficients."""
        parts = self.arrange(coefficients)
        pairs = torch.complex(parts[..., 0], -parts[..., 1])
        pairs.imag[..., 0] = 0
        return self._from_pairs(pairs)

    def arrange(self, response: Tensor) -> Tensor:
        """The response (height, width) to pairs of coefficients (height, width // 2 + 1, 2)."""
        return response.index_select(-1, self._pairs).unflatten(-1, (self._half, 2))

    def apply_response(self, images: Tensor, weights: Tensor) -> Tensor:
        """Images (..., height, width), all at once, by a response that is laid out in pairs."""
        pairs = self._to_pairs(images)
        torch.view_as_real(pairs).mul_(weights)
        return self._from_pairs(pairs)

    def _to_pairs(self, images: Tensor) -> Tensor:
        folded = images.index_select(-2, self._rows).index_select(-1, self._columns)
        turned = torch.fft.rfft2(folded).mul_(self._turn)
        beyond = turned[..., 1:, :]
        beyond.add_(beyond.flip(-2), alpha=1j)
        return turned

    def _from_pairs(self, pairs: Tensor) -> Tensor:
        """The images of pairs, which are used up."""
        beyond = pairs[..., 1:, :]
        beyond.sub_(beyond.flip(-2), alpha=1j)
        folded = torch.fft.irfft2(pairs.mul_(self._turn_back), s=(self.height, self.width))
        return folded.index_select(-1, self._columns_back).index_select(-2, self._rows_back)


def _fold_order(size: int) -> Tensor:
    """Where the samples of an axis come from: every other one there, the rest on the way back."""
    places = torch.arange(size)
    return torch.cat([places[::2], places[1::2].flip(0)])


def _phase_factors(size: int) -> Tensor:
    """What turns frequencies of folded samples into cosines, scaled to be orthonormal."""
    frequency = torch.arange(size, dtype=torch.float64)
    scale = torch.full_like(frequency, math.sqrt(2 / size))
    scale[0] = math.sqrt(1 / size)
    return torch.polar(scale, frequency * (-math.pi / (2 * size)))


class FourierBasis(Basis):
    """The orthonormal real Fourier transform; coefficients (..., height, width // 2 + 1) are complex.

    A filter by a real response commutes with every roll of the image: no place of a tile is a special one.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__(height, width, device)
        # A whole wave is two half-waves.
        self.row_waves = 2 * height * torch.fft.fftfreq(height, device=device).abs()
        self.column_waves = 2 * width * torch.fft.rfftfreq(width, device=device)

    def forward(self, images: Tensor) -> Tensor:
        """Fourier coefficients of images (..., height, width)."""
        return torch.fft.rfft2(images, norm="ortho")

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images that have these coefficients."""
        return torch.fft.irfft2(coefficients, s=(self.height, self.width), norm="ortho")


def make_basis(canvas: Shape, device: torch.device, tile: bool) -> Basis:
    """The basis in which K is diagonal, or nearly so."""
    return (FourierBasis if tile else CosineBasis)(*canvas, device)
