"""Non-local means: a pixel becomes the weighted mean of nearby pixels whose surroundings resemble its own.

Buades, Coll and Morel, A non-local algorithm for image denoising, CVPR 2005.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.images import map_images
from .neighbours import average_neighbours, pad_edges


@dataclass(frozen=True)
class NonLocalMeans:
    """Non-local means: it averages repeated patterns, as along edges and in textures, and keeps unique details.

    A nearby pixel has the weight exp(-max(d - 2 s², 0) / s²), where d is the mean squared difference of the small
    square patches around the two pixels, and s is the strength. The size of the patches and the distances between the
    pixels grow with the scale.

    Args:
        radius: 1 to 8. Each pixel is compared with the others of a square that has `radius` pixels on each side of it:
            with a radius of 3, with 7 x 7 - 1 = 48 pixels. The time grows with the square of the radius.

    Raises:
        ValueError: when the radius is out of range.

    Example:
        >>> import torch
        >>> from das_core import NonLocalMeans
        >>> stripes = (torch.arange(32) // 4 % 2 * 0.5 + 0.25).expand(1, 3, 32, 32)
        >>> noisy = stripes + 0.05 * torch.randn(stripes.shape, generator=torch.Generator().manual_seed(0))
        >>> denoised = NonLocalMeans()(noisy, strength=0.05)
        >>> [round(float((image - stripes).abs().mean()), 3) for image in (noisy, denoised)]
        [0.04, 0.014]
    """

    radius: int = 3
    name: ClassVar[str] = "non-local means"

    def __post_init__(self) -> None:
        if not 1 <= self.radius <= 8:
            raise ValueError(f"a radius of {self.radius} is not between 1 and 8; 3 compares with 48 pixels")

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the pixels, each averaged with pixels in similar patches; see `Denoiser`."""
        if not strength > 0:
            return pixels
        # A patch has 2 * half + 1 pixels on each side.
        half = max(1, round(scale))

        def denoise(pixels: Tensor) -> Tensor:
            def weigh(beside: Tensor, offset: tuple[int, int]) -> Tensor:
                difference = (beside - pixels).square_().mean(dim=1, keepdim=True)
                alike = F.avg_pool2d(pad_edges(difference, half, tile), 2 * half + 1, stride=1)
                return torch.exp((alike - 2 * strength**2).clamp_(min=0).mul_(-1 / strength**2))

            return average_neighbours(pixels, self.radius, math.ceil(scale), tile, weigh)

        return map_images(denoise, pixels)
