"""Frequency bases of images, in which K is nearly diagonal: cosines for a canvas with edges, Fourier for a tile."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.interruption import allow_interrupt, pausing

_MIN_RESPONSE = 1e-12
_WAVE = 2.0  # How many half-waves a whole wave has: `Basis.tilt` counts frequencies in whole waves.


class Basis(ABC):
    """An orthonormal frequency basis for images of one size, and the filters that are diagonal in it."""

    row_waves: Tensor
    column_waves: Tensor

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.height, self.width, self.device = height, width, device

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Return the coefficients of float32 images (..., height, width)."""

    def filter(self, images: Tensor, response: Tensor) -> Tensor:
        """Return images with every frequency multiplied by its factor."""
        allow_interrupt()
        weights = self.arrange(response)
        if images.device.type != "cpu":
            return self.apply_response(images, weights)
        # On a CPU, one channel of one image at a time, which is more likely to fit into the cache.
        planes = torch.empty_like(images, memory_format=torch.contiguous_format)
        for plane, out in pausing(zip(images.flatten(0, -3), planes.flatten(0, -3), strict=True)):
            out.copy_(self.apply_response(plane, weights))
        return planes

    def arrange(self, response: Tensor) -> Tensor:
        """Return the response of a filter in the layout that `apply_response` takes."""
        return response

    @abstractmethod
    def apply_response(self, images: Tensor, weights: Tensor) -> Tensor:
        """Filter all images (..., height, width) at once."""

    def gaussian(self, cutoff: float) -> Tensor:
        """Return the response of a Gaussian low-pass."""
        short = min(self.height, self.width)
        row = self.row_waves * (short / self.height / cutoff)
        column = self.column_waves * (short / self.width / cutoff)
        response = torch.outer(*(torch.exp(-waves.square() / 2) for waves in (row, column)))
        # The far tail of the Gaussian is invisible in the picture, but denormal numbers would slow down every product.
        return response.where(response > _MIN_RESPONSE, 0)

    def tilt(self, slope: float) -> Tensor:
        """Return the response of a filter that falls with the frequency f as f^-slope."""
        short = min(self.height, self.width)
        row, column = self.row_waves * (short / self.height), self.column_waves * (short / self.width)
        return (torch.hypot(row[:, None], column) / _WAVE).clamp(min=1).pow(-slope)


class CosineBasis(Basis):
    """The orthonormal DCT-II along both axes of float32 images; coefficients have the shape of the image."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__(height, width, device)
        self.row_waves = torch.arange(height, dtype=torch.float32, device=device)
        self.column_waves = torch.arange(width, dtype=torch.float32, device=device)
        self._half = width // 2 + 1
        self._rows, self._columns = _fold_order(height).to(device), _fold_order(width).to(device)
        self._rows_back, self._columns_back = self._rows.argsort(), self._columns.argsort()
        near = torch.arange(self._half, device=device)
        self._pairs = torch.stack([near, (width - near) % width], -1).flatten()
        rows, columns = _phase_factors(height)[:, None], _phase_factors(width)[: self._half]
        # To every row j but row 0, `_to_pairs` adds i times row height - j: halve these sums.
        summed = torch.full((height, 1), 2.0)
        summed[0] = 1
        self._phases = (rows * columns / summed).to(torch.complex64).to(device)
        self._phases_back = (1 / (rows * columns)).to(torch.complex64).to(device)
        # Not `alpha=1j` in the sums: some releases of PyTorch refuse a complex alpha on MPS.
        self._quarter_turn = torch.tensor(1j, dtype=torch.complex64).to(device)

    def forward(self, images: Tensor) -> Tensor:
        """Return the cosine coefficients (..., height, width) of images (..., height, width)."""
        pairs = self._to_pairs(images)
        return torch.cat([pairs.real, pairs.imag[..., 1 : (self.width + 1) // 2].flip(-1).neg_()], -1)

    def arrange(self, response: Tensor) -> Tensor:
        """Return the response of a filter, (height, width), with its columns in pairs, (height, width // 2 + 1, 2)."""
        return response.index_select(-1, self._pairs).unflatten(-1, (self._half, 2))

    def apply_response(self, images: Tensor, weights: Tensor) -> Tensor:
        """Filter all images (..., height, width) at once."""
        pairs = self._to_pairs(images)
        torch.view_as_real(pairs).mul_(weights)
        allow_interrupt()
        beyond = pairs[..., 1:, :]
        beyond.sub_(beyond.flip(-2).mul_(self._quarter_turn))
        folded = torch.fft.irfft2(pairs.mul_(self._phases_back), s=(self.height, self.width))
        return folded.index_select(-1, self._columns_back).index_select(-2, self._rows_back)

    def _to_pairs(self, images: Tensor) -> Tensor:
        """Return the cosine coefficients of images, (..., height, width // 2 + 1), complex."""
        folded = images.index_select(-2, self._rows).index_select(-1, self._columns)
        pairs = torch.fft.rfft2(folded).mul_(self._phases)
        beyond = pairs[..., 1:, :]
        beyond.add_(beyond.flip(-2).mul_(self._quarter_turn))
        return pairs


def _fold_order(size: int) -> Tensor:
    """Return the order in which the cosine transform gives the samples of an axis to the FFT."""
    indices = torch.arange(size)
    return torch.cat([indices[::2], indices[1::2].flip(0)])


def _phase_factors(size: int) -> Tensor:
    """Return the factors (size,), complex128, that turn the FFT of an axis into orthonormal cosine coefficients."""
    frequency = torch.arange(size, dtype=torch.float64)
    scale = torch.full_like(frequency, math.sqrt(2 / size))
    scale[0] = math.sqrt(1 / size)
    return torch.polar(scale, frequency * (-math.pi / (2 * size)))


class FourierBasis(Basis):
    """The orthonormal real Fourier transform; coefficients (..., height, width // 2 + 1) are complex."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__(height, width, device)
        # A whole wave is two half-waves.
        self.row_waves = 2 * height * torch.fft.fftfreq(height, dtype=torch.float32, device=device).abs()
        self.column_waves = 2 * width * torch.fft.rfftfreq(width, dtype=torch.float32, device=device)

    def forward(self, images: Tensor) -> Tensor:
        """Return the Fourier coefficients (..., height, width // 2 + 1) of images (..., height, width)."""
        return torch.fft.rfft2(images, norm="ortho")

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Return the images (..., height, width) of Fourier coefficients (..., height, width // 2 + 1)."""
        return torch.fft.irfft2(coefficients, s=(self.height, self.width), norm="ortho")

    def apply_response(self, images: Tensor, weights: Tensor) -> Tensor:
        """Filter all images (..., height, width) at once."""
        return self.inverse(self.forward(images).mul_(weights))


def make_basis(canvas: Shape, device: torch.device, tile: bool) -> Basis:
    """Return the frequency basis of a canvas: `FourierBasis` for a tile, else `CosineBasis`."""
    return (FourierBasis if tile else CosineBasis)(*canvas, device)
