"""What images a model was trained on, measured at the processor that prepares them: it is shown four pictures."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..common.images import Bytes, show_luminance
from ..common.text import shorten
from ..models.fold import FORWARD_ERRORS

_SIDE = 600  # Of the pictures. Smaller ones would be filled up by processors that crop without resizing.
_COLOUR = (51, 102, 204)  # Whose channels differ, so that a processor which changes their order is found out.
_CLOSE = 0.01  # Values of pixels, 0..1, that count as equal.


def measure_processor(processor: Any) -> dict[str, Any]:
    """Return `size`, `mean`, `std` (one number each for grey), `resize_mode` and `interpolation` of the images that a
    processor makes. They are measured, as attributes differ between libraries and leave things out."""
    make = getattr(processor, "transforms", None)  # Weights of torchvision.
    processor = make() if callable(make) else getattr(processor, "image_processor", processor)
    try:
        return _measure(processor)
    except (*FORWARD_ERRORS, RuntimeError, OSError) as error:
        raise ValueError(
            f"the processor, a {type(processor).__name__}, cannot be imitated ({type(error).__name__}: "
            f"{shorten(str(error), 200)}); give an image processor of transformers, weights of torchvision or a "
            "transform that makes a tensor of an image of Pillow, or size, mean and std instead"
        ) from error


def _measure(processor: Any) -> dict[str, Any]:
    if not getattr(processor, "do_rescale", True):
        raise ValueError("its do_rescale is off, so it expects pixels that are 0..1 already")
    square = np.ones((_SIDE, _SIDE, 3), np.uint8)
    # White, and in its middle square an oblique edge, at which bicubic interpolation overshoots.
    wide = np.full((_SIDE, 2 * _SIDE, 3), 255, np.uint8)
    below = np.add.outer(8 * np.arange(_SIDE), np.arange(_SIDE)) > 4.5 * _SIDE
    wide[:, _SIDE // 2 : -_SIDE // 2] = np.where(below, 204, 51)[:, :, None]
    larger = np.full((_SIDE + 100, _SIDE + 100, 3), _COLOUR, np.uint8)
    black, white, colour, edge = (_show(processor, picture) for picture in (square * 0, square * 255, larger, wide))
    if black.ndim != 3 or len(black) not in (1, 3) or black.shape[1] != black.shape[2]:
        raise ValueError(f"it makes {tuple(black.shape)} of a square picture")
    low, high = (one.mean((1, 2), keepdim=True) for one in (black, white))
    std, mean = 1 / (high - low), low / (low - high)
    pure = torch.tensor(_COLOUR, device="cpu")[:, None, None] / 255
    wanted = pure if len(black) == 3 else show_luminance(pure[None])[0]
    for one, value in ((black, 0), (white, 1), (colour, wanted)):
        if not bool(((one * std + mean - value).abs() < _CLOSE).all()):
            raise ValueError("it does more than resize, crop and normalise by fixed numbers")
    seen = (edge * std + mean)[0]
    squashes = edge.shape == black.shape and bool((seen[:, len(seen) // 8] > 1 - _CLOSE).all())
    middle = seen[:, seen.shape[1] * 3 // 8 : seen.shape[1] * 5 // 8]
    return {
        "size": black.shape[1] if colour.shape == black.shape else None,
        # Rounded to what libraries write down; 0.0 is added because -0.0 is 0.
        "mean": tuple(round(value, 7) + 0.0 for value in mean.flatten().tolist()),
        "std": tuple(round(value, 7) for value in std.flatten().tolist()),
        "resize_mode": "squash" if squashes else "shortest",
        "interpolation": "bicubic" if float(middle.max()) > 204 / 255 + _CLOSE else "bilinear",
    }


def _show(processor: Any, picture: Bytes) -> Tensor:
    """Return what a processor makes of a picture, (channels, height, width)."""
    seen = processor(Image.fromarray(picture))
    # One of transformers returns the tensors of a batch by name.
    return torch.as_tensor(seen if isinstance(seen, Tensor) else seen["pixel_values"][0], device="cpu").double()
