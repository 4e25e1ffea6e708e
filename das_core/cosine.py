"""The two-dimensional cosine basis, in which the operator of a stack is very nearly diagonal."""

import math

import torch
from torch import Tensor

from .basis import Basis
from .cache import cached


class CosineBasis(Basis):
    """The orthonormal DCT-II along both axes; coefficients have the shape of the image."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__(height, width, device)
        self._rows, self._columns = cosine_transform(height, device), cosine_transform(width, device)
        self.row_waves = torch.arange(height, device=device)
        self.column_waves = torch.arange(width, device=device)

    def forward(self, images: Tensor) -> Tensor:
        """Cosine coefficients (..., height, width) of images (..., height, width)."""
        return self._columns.forward(self._rows.forward(images, -2), -1)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images that have these coefficients."""
        return self._columns.inverse(self._rows.inverse(coefficients, -2), -1)


class CosineTransform:
    """The orthonormal DCT-II along one axis, the last (-1) or the one before it (-2), of float32 tensors.

    One real Fourier transform of as many samples: the even ones first, the odd ones backward behind them. Source:
    Makhoul, A fast cosine transform in one and two dimensions, IEEE ASSP 28 (1980).
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size = size
        frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
        scale = torch.full_like(frequency, math.sqrt(2 / size))
        scale[0] = math.sqrt(1 / size)
        quarter = math.pi * frequency / (2 * size)
        self._turn = torch.polar(scale, -quarter).to(device, torch.complex64)
        self._turn_back = torch.polar(1 / scale, quarter).to(device, torch.complex64)

    def forward(self, signals: Tensor, axis: int) -> Tensor:
        """Coefficients along an axis."""
        odd = _along(signals, axis, 1, None, 2).flip(axis)
        folded = torch.cat([_along(signals, axis, 0, None, 2), odd], axis)
        turned = torch.fft.rfft(folded, dim=axis).mul_(self._shaped(self._turn, axis))
        # The real part holds frequency k, the imaginary one the negative of frequency size - k.
        high = _along(turned.imag, axis, 1, (self.size + 1) // 2).flip(axis).neg_()
        return torch.cat([turned.real, high], axis)

    def inverse(self, coefficients: Tensor, axis: int) -> Tensor:
        """Signals along an axis."""
        half = self.size // 2 + 1
        low = _along(coefficients, axis, 0, half)
        turned = torch.zeros_like(low, dtype=torch.complex64)
        turned.real.copy_(low)
        high = _along(coefficients, axis, half, None).flip(axis)
        _along(turned.imag, axis, 1, (self.size + 1) // 2).copy_(high).neg_()
        if self.size % 2 == 0:
            # The middle frequency is size minus itself.
            _along(turned.imag, axis, half - 1, half).copy_(_along(low, axis, half - 1, half)).neg_()
        folded = torch.fft.irfft(turned.mul_(self._shaped(self._turn_back, axis)), n=self.size, dim=axis)
        signals = torch.empty_like(folded)
        even = (self.size + 1) // 2
        _along(signals, axis, 0, None, 2).copy_(_along(folded, axis, 0, even))
        _along(signals, axis, 1, None, 2).copy_(_along(folded, axis, even, None).flip(axis))
        return signals

    def _shaped(self, numbers: Tensor, axis: int) -> Tensor:
        return numbers if axis == -1 else numbers[:, None]


def _along(tensor: Tensor, axis: int, start: int, stop: int | None, step: int = 1) -> Tensor:
    """A slice of the last axis, or of the one before it."""
    part = slice(start, stop, step)
    return tensor[..., part] if axis == -1 else tensor[..., part, :]


@cached(maxsize=8)
def cosine_transform(size: int, device: torch.device) -> CosineTransform:
    """The transform of axes of this size, made once."""
    return CosineTransform(size, device)
