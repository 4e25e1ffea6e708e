"""The two-dimensional cosine basis, in which the operator of a stack is very nearly diagonal."""

import math

import torch
from torch import Tensor

from .basis import Basis


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
        self._rows, self._columns = _folded(height).to(device), _folded(width).to(device)
        self._rows_back, self._columns_back = self._rows.argsort(), self._columns.argsort()
        near = torch.arange(self._half, device=device)
        self._pairs = torch.stack([near, (width - near) % width], -1).flatten()
        rows, columns = _quarter_turns(height)[:, None], _quarter_turns(width)[: self._half]
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
        parts = self.laid_out(coefficients)
        pairs = torch.complex(parts[..., 0], -parts[..., 1])
        pairs.imag[..., 0] = 0
        return self._from_pairs(pairs)

    def laid_out(self, response: Tensor) -> Tensor:
        """The response (height, width) to pairs of coefficients (height, width // 2 + 1, 2)."""
        return response.index_select(-1, self._pairs).unflatten(-1, (self._half, 2))

    def filtered(self, images: Tensor, weights: Tensor) -> Tensor:
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


def _folded(size: int) -> Tensor:
    """Where the samples of an axis come from: every other one there, the rest on the way back."""
    places = torch.arange(size)
    return torch.cat([places[::2], places[1::2].flip(0)])


def _quarter_turns(size: int) -> Tensor:
    """What turns frequencies of folded samples into cosines, scaled to be orthonormal."""
    frequency = torch.arange(size, dtype=torch.float64)
    scale = torch.full_like(frequency, math.sqrt(2 / size))
    scale[0] = math.sqrt(1 / size)
    return torch.polar(scale, frequency * (-math.pi / (2 * size)))
