"""The bilateral filter: a pixel becomes the mean of neighbours that are close to it in position and in colour.

Tomasi and Manduchi, Bilateral filtering for gray and color images, ICCV 1998. Tyka (Class visualization with bilateral
filters, 2016) used it within class visualisation.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.images import map_images
from .neighbours import average_neighbours


@dataclass(frozen=True)
class Bilateral:
    """The bilateral filter: it keeps edges whose contrast is several times the strength, and smooths weaker ones.

    A neighbour at the distance d, whose colour differs by c (the root mean square over the channels), has the weight
    exp(-d² / (2 w²) - c² / (2 (2 s)²)). Here w is the width times the scale, and s is the strength. The neighbours of a
    pixel lie in a square around it that reaches 2 w to each side.

    Args:
        width: 0.5 to 8; the standard deviation, in pixels at a scale of 1, of the Gaussian that weights the distance. A
            width of 1 removes ripple with a period of two pixels. A width of 3 smooths skies; it takes about eight
            times as long as 1.

    Raises:
        ValueError: when the width is out of range.

    Example:
        >>> import torch
        >>> from das_core import Bilateral
        >>> pixels = torch.tensor([0.48, 0.52, 0.48, 0.52, 0.9, 0.9]).reshape(1, 1, 1, 6).expand(1, 3, 1, 6)
        >>> Bilateral()(pixels, strength=0.05)[0, 0, 0]
        tensor([0.4895, 0.4966, 0.4996, 0.5050, 0.8999, 0.9000])
    """

    width: float = 1.5
    name: ClassVar[str] = "bilateral"

    def __post_init__(self) -> None:
        if not 0.5 <= self.width <= 8:
            raise ValueError(f"a width of {self.width} pixels is not between 0.5 and 8; 1.5 takes out fine ripple")

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return the pixels with even surfaces.

        Args:
            pixels: (B, 3, H, W), 0..1, which are not changed.
            strength: differences between pixels up to about this size are smoothed. At 0 nothing is smoothed.
            scale: the short side of the picture divided by 224, above 0; the width is multiplied by it.
            tile: whether the picture is a tile, whose opposite edges meet.
        """
        if not strength > 0:
            return pixels
        width = self.width * scale
        in_color = -1 / (2 * (2 * strength) ** 2)

        def denoise(pixels: Tensor) -> Tensor:
            def weigh(beside: Tensor, offset: tuple[int, int]) -> Tensor:
                difference = (beside - pixels).square_().mean(dim=1, keepdim=True)
                in_place = -(offset[0] ** 2 + offset[1] ** 2) / (2 * width**2)
                return torch.exp(difference.mul_(in_color).add_(in_place))

            return average_neighbours(pixels, math.ceil(2 * width), 1, tile, weigh)

        return map_images(denoise, pixels)
