"""The two-dimensional Fourier basis, for canvases that wrap around: what it filters has no edges."""

import torch
from torch import Tensor

from .basis import Basis


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
