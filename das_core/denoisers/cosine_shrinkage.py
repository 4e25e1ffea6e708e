"""Shrinkage in the basis of cosines: in every small block, small cosine coefficients are set to 0.

Yu and Sapiro, DCT image denoising: a simple and effective image denoising algorithm, IPOL 1, 2011. Blocks at several
offsets are averaged, as in Coifman and Donoho, Translation-invariant de-noising, 1995.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.cache import cached
from ..common.devices import keep_copy
from ..common.images import map_images
from ..common.interruption import allow_interrupt
from .neighbours import pad_edges

_LARGEST_BLOCK = 32


@dataclass(frozen=True)
class CosineShrinkage:
    """A denoiser that sets cosine coefficients of overlapping blocks to 0 if their magnitude is below a threshold.

    A block is 8 pixels wide if the short side of the picture is 224 pixels; the width grows in proportion to this side,
    up to 32 pixels. The threshold is 3 times the strength, as is usual if the strength is the standard deviation of
    noise. The mean of a block is always kept. Blocks overlap by half, so every pixel lies in four blocks; the result
    for a pixel is the mean of its values in these blocks.

    Example:
        >>> import torch
        >>> from das_core import CosineShrinkage
        >>> ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
        >>> noisy = ramp + 0.05 * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0))
        >>> denoised = CosineShrinkage()(noisy, strength=0.05)
        >>> [round(float((image - ramp).abs().mean()), 3) for image in (noisy, denoised)]
        [0.04, 0.01]
    """

    name: ClassVar[str] = "cosine shrinkage"

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the pixels after small cosine coefficients of all blocks are set to 0.

        Args:
            pixels: (B, 3, H, W), 0..1.
            strength: coefficients of at most 3 times the strength are set to 0. At 0 the pixels are not changed.
            scale: the short side of the picture divided by 224; a block is about 8 times `scale` pixels wide.
            tile: whether opposite edges of the picture meet.
        """
        if not strength > 0:
            return pixels
        # The width of a block is even, so that blocks overlap by exactly half.
        block = 2 * min(_LARGEST_BLOCK // 2, max(1, round(4 * scale)))
        waves = keep_copy(_make_waves(block), pixels)
        # Each channel is an image of its own, so that `map_images` can process large channels one by one: the
        # coefficients take four times the memory of the pixels.
        planes = pixels.reshape(-1, 1, *pixels.shape[2:])
        return map_images(lambda part: _shrink(part, waves, block, strength, tile), planes).reshape(pixels.shape)


def _shrink(planes: Tensor, waves: Tensor, block: int, strength: float, tile: bool) -> Tensor:
    """Return planes (N, 1, H, W) in which the small cosine coefficients of all blocks are set to 0."""
    height, width = planes.shape[2:]
    hop = block // 2
    # How many blocks there are along each axis. The first one begins `hop` pixels before the first pixel, so that every
    # pixel lies in four whole blocks.
    blocks = [math.ceil((length + hop) / hop) for length in (height, width)]
    padded = pad_edges(planes, block + hop, tile)
    rows, columns = ((count + 1) * hop for count in blocks)
    covered = padded[:, :, block : block + rows, block : block + columns]
    found = F.conv2d(covered, waves, stride=hop)
    # The first coefficient is not set to 0, because it stands for the mean of the block.
    allow_interrupt()
    found[:, 1:] *= (found[:, 1:].abs() > 3 * strength).to(found.dtype)
    allow_interrupt()
    # Every pixel lies in four blocks: the sum of its four values becomes their mean.
    summed = F.conv_transpose2d(found, waves, stride=hop) / 4
    return summed[:, :, hop : hop + height, hop : hop + width]


@cached(maxsize=4)
def _make_waves(block: int) -> Tensor:
    """Return the orthonormal cosine waves of a square block, (block², 1, block, block), on the CPU."""
    positions = torch.arange(block, dtype=torch.float64)
    rows = torch.cos(math.pi / block * (positions + 0.5) * positions[:, None]) * math.sqrt(2 / block)
    rows[0] /= math.sqrt(2)
    return torch.einsum("ay,bx->abyx", rows, rows).reshape(block**2, 1, block, block).float()
