"""Two forms of a picture that the benchmarks show to a judge besides the unchanged picture: from afar and in grey."""

import torch
import torch.nn.functional as F
from torch import Tensor

AFAR = 64
"""The short side, in pixels, to which an image that is seen from afar is shrunk."""

LUMINANCE = (0.299, 0.587, 0.114)
"""The shares of red, green and blue in the luminance of Rec. 601."""


def view_from_afar(images: Tensor) -> Tensor:
    """Return images as they look from afar: shrunk to 64 pixels on the short side, and enlarged to their size again.

    Both resizings are bicubic with antialiasing, and their results are clamped to 0..1. Images whose short side has at
    most 64 pixels are returned unchanged.

    Args:
        images: (B, 3, H, W), 0..1.

    Returns:
        Images (B, 3, H, W), 0..1.
    """
    height, width = images.shape[2:]
    short = min(height, width)
    if short <= AFAR:
        return images
    small = resize(images, (round(height * AFAR / short), round(width * AFAR / short)))
    return resize(small, (height, width))


def remove_colour(images: Tensor) -> Tensor:
    """Return images (B, 3, H, W), 0..1, in grey: three equal channels of Rec. 601 luminance, 0..1."""
    weights = torch.tensor(LUMINANCE, device=images.device)[:, None, None]
    return (images * weights).sum(dim=1, keepdim=True).clamp(0, 1).expand_as(images).contiguous()


def resize(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize images (B, 3, H, W), 0..1, to a height and a width: bicubic with antialiasing, clamped to 0..1."""
    return F.interpolate(images, size=shape, mode="bicubic", antialias=True).clamp(0, 1)
