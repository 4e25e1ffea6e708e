"""Images that come in from elsewhere: what is wrong with them is said before anything is computed from them."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import Shape

Fit = Literal["shortest", "squash"]
"""How an oblong image becomes a square: `shortest` takes its middle, `squash` all of it, out of shape."""

Interpolation = Literal["bicubic", "bilinear"]


def check_images(images: Tensor, what: str) -> Tensor:
    """The images, if they are (B, 3, H, W), floating point and finite; otherwise a ValueError about `what` they are."""
    if images.ndim != 4 or images.shape[0] == 0 or 0 in images.shape[2:]:
        raise ValueError(f"{what} has the shape {tuple(images.shape)}; a batch of images is needed")
    channels = images.shape[1]
    if channels != 3:
        kind = {1: "one grey channel", 2: "grey and alpha", 4: "an alpha channel"}.get(channels, "no RGB")
        raise ValueError(
            f"{what} has {channels} channels ({kind}) where 3 are needed (RGB): "
            "take the alpha off, or repeat the grey channel three times, before it comes here"
        )
    if not images.is_floating_point():
        raise ValueError(f"{what} holds whole numbers ({images.dtype}); convert it to floats in 0..1")
    bad = int((~torch.isfinite(images)).sum())
    if bad:
        raise ValueError(
            f"{what} holds {bad} values that are NaN or infinite; every value must lie in 0..1: "
            "look at the node that made the image"
        )
    return images


def fit_square(images: Tensor, size: int, fit: Fit = "shortest", interpolation: Interpolation = "bicubic") -> Tensor:
    """Whole images (B, 3, H, W) as squares (B, 3, size, size), 0..1, float32: what a model sees of them."""
    images = images.float()
    if fit == "shortest":
        side = min(images.shape[2:])
        top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
        images = images[:, :, top : top + side, left : left + side]
    if tuple(images.shape[2:]) == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode=interpolation, antialias=True).clamp(0, 1)


def resize_to_cover(image: Tensor, shape: Shape) -> Tensor:
    """Images (B, 3, h, w) resized to cover `shape`, aspect kept, the middle cut out: (B, 3, *shape)."""
    height, width = shape
    scale = max(height / image.shape[2], width / image.shape[3])
    resized = (max(height, round(image.shape[2] * scale)), max(width, round(image.shape[3] * scale)))
    if tuple(image.shape[2:]) != resized:
        image = F.interpolate(image, size=resized, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
    return image[:, :, top : top + height, left : left + width]


def place_on_canvas(image: Tensor, shape: Shape, margin: int) -> Tensor:
    """Images (B, 3, h, w), 0..1, as the pixels of canvases that show them in `shape`, mirrored into the margin."""
    mode = "reflect" if margin < min(shape) else "replicate"
    return F.pad(resize_to_cover(image.float().clamp(0, 1), shape), (margin,) * 4, mode=mode)
