"""Checks images that users give, and resizes them to a square, to a picture or to a canvas."""

import math
import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from .geometry import Shape
from .interruption import allow_interrupt, pausing
from .text import shorten

Fit = Literal["shortest", "squash"]  # Of an oblong image: `shortest` keeps the middle square, `squash` its whole.
Interpolation = Literal["bicubic", "bilinear"]  # How pixels are interpolated; both are antialiased.

# An image of which `resize_to_cover` would keep less than one pixel in 8 is cropped before it is resized: otherwise one
# of 1 x 4000 pixels would fill gigabytes. This moves the result by less than a pixel of the original image.
_MOST_WASTE = 8

LUMINANCE = (0.299, 0.587, 0.114)  # The shares of red, green and blue in grey (ITU-R BT.601), those of Pillow.

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

_MOST_AT_ONCE = 2**24  # Values of a batch that the CPU processes at once, in some tenths of a second.

Images = Tensor | np.ndarray[Any, Any] | Image.Image
"""Images: a tensor (B, 3, H, W) or (3, H, W), 0..1; a NumPy array (H, W, 3), (B, H, W, 3) or, if grey, (H, W), with
bytes or floats 0..1; or an image of Pillow."""

Bytes = np.ndarray[Any, np.dtype[np.uint8]]  # A picture, (height, width, 3).


def to_bytes(images: Tensor) -> Bytes:
    """Return images (B, 3, H, W), 0..1, side by side as bytes; values are clipped and rounded to the nearest byte."""
    pixels = images.detach().float().clamp(0, 1).mul(255).round_().byte()
    return pixels.permute(2, 0, 3, 1).flatten(1, 2).cpu().numpy()


def check_images(images: Images, what: str) -> Tensor:
    """Return images as a batch (B, 3, H, W), detached, or raise a ValueError that says what is wrong with them. Values
    outside 0..1 are accepted. A tensor (B, 3, H, W) is not copied."""
    images = _to_batch(images, what)
    if images.ndim != 4 or images.shape[0] == 0 or 0 in images.shape[2:]:
        raise ValueError(f"{what} has the shape {tuple(images.shape)}; a batch of images is needed")
    channels = images.shape[1]
    if channels != 3:
        kind = {1: "one grey channel", 2: "grey and alpha", 4: "an alpha channel"}.get(channels, "no RGB")
        raise ValueError(
            f"{what} has {channels} channels ({kind}) where 3 are needed (RGB): "
            "take the alpha off, or repeat the grey channel three times, before it comes here"
        )
    bad = int((~torch.isfinite(images)).sum())
    if bad:
        raise ValueError(
            f"{what} holds {bad} values that are NaN or infinite; every value must lie in 0..1: "
            "look at the node that made the image"
        )
    return images.detach() if images.requires_grad else images


def _to_batch(images: Images, what: str) -> Tensor:
    """Return images as a tensor with an axis for the batch; the shape of the result is not checked."""
    if isinstance(images, Image.Image):
        # A photograph may be stored rotated.
        images = np.asarray(ImageOps.exif_transpose(images).convert("RGB"))
    if isinstance(images, np.ndarray):
        if images.ndim not in (2, 3, 4):
            raise ValueError(f"{what} has the shape {images.shape}; an array is (height, width, 3)")
        is_bytes = images.dtype == np.uint8
        if not is_bytes and images.dtype.kind != "f":
            raise ValueError(f"{what} holds {images.dtype}; give bytes, or floats in 0..1")
        # Copied, because memory that is shared with NumPy or Pillow may be read-only, or may change later.
        tensor = torch.from_numpy(images.astype(np.float32))
        tensor = tensor / 255 if is_bytes else tensor
        images = tensor.expand(3, -1, -1) if tensor.ndim == 2 else tensor.movedim(-1, -3)
    elif isinstance(images, str | os.PathLike):
        raise ValueError(f"{what} is a path; open it first: PIL.Image.open({shorten(str(images))!r})")
    elif not isinstance(images, Tensor):
        raise ValueError(f"{what} is a {type(images).__name__}; give a tensor, an array or a picture of Pillow")
    kind = "nested images" if images.is_nested else images.dtype if images.layout is torch.strided else images.layout
    # One of a subclass may have its values elsewhere.
    if (images.is_meta and type(images) in (Tensor, torch.nn.Parameter)) or kind not in FLOATS:
        kind = f"{kind} on the device {images.device}"
        raise ValueError(f"{what} is a tensor of {kind}; convert it to floats in 0..1, dense, on the CPU or a GPU")
    return images[None] if images.ndim == 3 else images


def fit_square(images: Tensor, size: int, fit: Fit = "shortest", interpolation: Interpolation = "bicubic") -> Tensor:
    """Return images (B, 3, H, W), 0..1, as the squares (B, 3, size, size), float32, that a model sees."""
    images = images.float()
    if fit == "shortest":
        images = _crop_middle(images, (min(images.shape[2:]),) * 2)
    if tuple(images.shape[2:]) == (size, size):
        return images
    return resize(images, (size, size), interpolation)


def show_luminance(images: Tensor) -> Tensor:
    """Return the luminance of images or of normalised views (B, 3, H, W), (B, 1, H, W)."""
    red, green, blue = (share * images[:, channel : channel + 1] for channel, share in enumerate(LUMINANCE))
    return red + green + blue


def count_at_once(batch: int, values: int) -> int:
    """Return how many images of a batch of so many values `map_images` gives to its function at once on the CPU."""
    return batch if values <= _MOST_AT_ONCE else 1


def map_images(change: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Apply a function to images (B, ...), one by one if many are on the CPU, so that a run can be cancelled."""
    allow_interrupt()
    if images.device.type != "cpu" or count_at_once(len(images), images.numel()) == len(images):
        return change(images)
    return torch.cat([change(image) for image in pausing(images.split(1))])


def resize(images: Tensor, shape: Shape, interpolation: Interpolation = "bicubic") -> Tensor:
    """Return images (B, C, *shape), 0..1; large ones on the CPU are resized by planes, to be cancelled between."""

    def change(part: Tensor) -> Tensor:
        return F.interpolate(part, size=shape, mode=interpolation, antialias=True).clamp(0, 1)

    if images.device.type != "cpu" or images[0].numel() <= _MOST_AT_ONCE:
        return map_images(change, images)
    return map_images(change, images.flatten(0, 1)[:, None]).unflatten(0, images.shape[:2]).squeeze(2)


def resize_to_cover(image: Tensor, shape: Shape) -> Tensor:
    """Return images or masks (B, C, h, w), 0..1, resized until they just cover `shape`, and cropped to its middle."""
    height, width = shape
    scale = max(height / image.shape[2], width / image.shape[3])
    if scale * scale * image.shape[2] * image.shape[3] > _MOST_WASTE * height * width:
        image = _crop_middle(image, (math.ceil(height / scale), math.ceil(width / scale)))
    resized = (max(height, round(image.shape[2] * scale)), max(width, round(image.shape[3] * scale)))
    if tuple(image.shape[2:]) != resized:
        image = resize(image, resized)
    return _crop_middle(image, shape)


def _crop_middle(image: Tensor, shape: Shape) -> Tensor:
    """Return the middle of images (B, C, H, W), at most `shape` large; a shorter side keeps its length."""
    height, width = (min(wanted, length) for wanted, length in zip(shape, image.shape[2:], strict=True))
    top, left = (image.shape[2] - height) // 2, (image.shape[3] - width) // 2
    return image[:, :, top : top + height, left : left + width]


def place_on_canvas(image: Tensor, shape: Shape, margin: int) -> Tensor:
    """Return the pixels (B, 3, height + 2 * margin, width + 2 * margin) of canvases that show images of any size. The
    margin mirrors the picture; if it is not narrower than the short side, it repeats the border pixels."""
    mode = "reflect" if margin < min(shape) else "replicate"
    covering = resize_to_cover(image.float().clamp(0, 1), shape)
    return map_images(lambda part: F.pad(part, (margin,) * 4, mode=mode), covering)
