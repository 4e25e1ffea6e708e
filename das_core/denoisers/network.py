"""A denoiser made from a network, such as a network that restores images, or a diffusion model.

Plug-and-Play methods work best with learned denoisers (Zhang et al., TPAMI 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.text import shorten
from .base import check_kind, check_range

_LARGEST_CHANGE = 3.0
"""How much a network that ignores the strength may change a value at most, as a multiple of the strength."""

_WRAP = 32
"""How many pixels a tile is padded with on each side, taken from its opposite edge."""


@dataclass(frozen=True)
class NetworkDenoiser:
    """A denoiser that runs a network.

    Args:
        network: a function from pixels (B, 3, H, W), 0..1, and a strength above 0 to pixels of the same size, or of a
            whole multiple of it, which is averaged down.
        name: the name of the denoiser in messages.
        knows_strength: whether the network changes pixels less at a smaller strength. If not, the change of every value
            is clamped to three times the strength.

    Example:
        >>> import torch
        >>> from das_core import NetworkDenoiser
        >>> double = torch.nn.Upsample(scale_factor=2, mode="bilinear")
        >>> denoiser = NetworkDenoiser(lambda pixels, strength: double(pixels), "enlarged twice")
        >>> pixels = torch.tensor([0.4, 0.4, 0.5, 0.5]).expand(1, 3, 4, 4)
        >>> denoiser(pixels, strength=0.02)[0, 0, 0]
        tensor([0.4000, 0.4125, 0.4875, 0.5000])
        >>> denoiser(pixels, strength=0.001)[0, 0, 0]
        tensor([0.4000, 0.4030, 0.4970, 0.5000])
    """

    network: Callable[[Tensor, float], Tensor]
    name: str
    knows_strength: bool = False

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the output of the network for pixels; the scale is ignored. See `Denoiser`.

        Raises:
            ValueError: when the output is no batch of images of floating-point numbers, or of a wrong size or range.
        """
        seen = _wrap(pixels) if tile else pixels
        with torch.no_grad():
            answer = self._reduce(self.network(seen, strength), seen)
        if tile:
            answer = answer[..., _WRAP:-_WRAP, _WRAP:-_WRAP]
        if self.knows_strength:
            return answer
        # Checked here, because after the clamp any output, even infinity, looks like pixels.
        check_range(self.name, answer)
        limit = _LARGEST_CHANGE * strength
        return answer.sub(pixels).clamp_(-limit, limit).add_(pixels)

    def _reduce(self, answer: Tensor, seen: Tensor) -> Tensor:
        """Reduce an enlarged output (`answer`) to the size of the input (`seen`), by the means of blocks."""
        sizes = [tuple(each.shape) if isinstance(each, Tensor) else shorten(each) for each in (seen, answer)]
        if not isinstance(answer, Tensor) or answer.ndim != 4 or answer.shape[:2] != seen.shape[:2]:
            raise ValueError(f"the denoiser '{self.name}' answers {sizes[0]} with {sizes[1]}: it is no model of images")
        check_kind(self.name, answer)
        factor = answer.shape[2] // seen.shape[2]
        if not factor or answer.shape[2:] != torch.Size(factor * side for side in seen.shape[2:]):
            raise ValueError(
                f"the denoiser '{self.name}' answers {sizes[0]} with {sizes[1]}: the size must be the same, or two, "
                "three or more times as large"
            )
        return F.avg_pool2d(answer, factor) if factor > 1 else answer


def _wrap(pixels: Tensor) -> Tensor:
    """Pad a tile on each side with pixels from its opposite side; a tile smaller than the padding is repeated."""
    height, width = pixels.shape[2:]
    rows, columns = (torch.arange(-_WRAP, side + _WRAP, device=pixels.device) % side for side in (height, width))
    return pixels[:, :, rows][..., columns]
