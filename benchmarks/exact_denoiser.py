"""A diffusion model that computes its denoised pictures by an exact formula, so that it needs no training.

The distribution of its pictures is a Gaussian mixture. The means of the components are a few plain pictures; the
deviations from a mean have the spectrum and the colours of photographs. The latents of the model are pixels, -1..1.
This module needs only PyTorch and imports nothing from the project.
"""

import torch
from torch import Tensor

_COLORS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
# Three directions in RGB (grey, blue to orange, green to magenta), and the power of photographs in each direction,
# divided by their power in the direction grey
_COLOR_POWERS = torch.tensor([1.0, 0.12, 0.05])


class ExactDenoiser:
    """The diffusion model: a function that returns E[picture | picture + sigma * noise] for a noisy picture."""

    def __init__(self, means: Tensor, deviation: float = 0.3) -> None:
        self.means = means
        height, width = means.shape[2:]
        down, right = torch.fft.fftfreq(height) * height, torch.fft.fftfreq(width) * width
        radial = 1 / (1 + down[:, None].square() + right.square())
        self._colors = _COLORS / _COLORS.norm(dim=1, keepdim=True)
        self._power = _COLOR_POWERS[:, None, None] * radial
        self._power *= deviation**2 / (self._power.sum(dim=0).mean() / 3)

    def _analyse(self, pictures: Tensor) -> Tensor:
        """Return the orthonormal Fourier coefficients, (B, 3, H, W), of pictures (B, 3, H, W) in three colour
        channels."""
        return torch.fft.fft2(torch.einsum("ij,bjhw->bihw", self._colors, pictures), norm="ortho")

    def __call__(self, noisy: Tensor, sigma: float) -> Tensor:
        """Return the expectations of the clean pictures, (B, 3, H, W), given noisy pictures (B, 3, H, W)."""
        apart = self._analyse(noisy)[:, None] - self._analyse(self.means)[None]
        total = self._power + sigma**2
        chances = (-0.5 * (apart.abs().square() / total).sum(dim=(2, 3, 4))).softmax(dim=1)
        kept = torch.fft.ifft2(apart * (self._power / total), norm="ortho").real
        each = self.means[None] + torch.einsum("ji,bkjhw->bkihw", self._colors, kept)
        return (chances[:, :, None, None, None] * each).sum(dim=1)


def plain_pictures(side: int) -> Tensor:
    """Return three pictures, (3, 3, side, side), -1..1, of two blended colours each."""
    down = torch.linspace(0, 1, side)[:, None].expand(side, side)
    right = down.T
    colors = torch.tensor(
        [[[0.5, 0.7, 0.9], [0.4, 0.45, 0.2]], [[0.8, 0.7, 0.6], [0.35, 0.25, 0.2]], [[0.1, 0.3, 0.6], [0.0, 0.05, 0.2]]]
    )
    edges = torch.stack([((down - 0.55) * 12).sigmoid(), ((right - 0.4) * 6).sigmoid(), down])
    return 2 * torch.lerp(colors[:, 0, :, None, None], colors[:, 1, :, None, None], edges[:, None]) - 1


def falling_levels(steps: int, highest: float = 14.6, lowest: float = 0.03) -> list[float]:
    """Return `steps` noise levels from `highest` to `lowest`, and then 0."""
    ends = highest ** (1 / 7), lowest ** (1 / 7)
    return [(ends[0] + step / (steps - 1) * (ends[1] - ends[0])) ** 7 for step in range(steps)] + [0.0]
