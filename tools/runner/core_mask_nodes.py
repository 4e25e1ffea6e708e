"""The core nodes for masks, as in ComfyUI 0.8.0: SolidMask, MaskComposite and MaskToImage."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_SIDE = {"min": 1, "max": 16384}
_OFFSET = {"default": 0, "min": 0, "max": 16384}
_OPERATIONS = ["multiply", "add", "subtract", "and", "or", "xor"]


class SolidMask:
    """Makes a mask with the same value, in 0..1, at every pixel."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the inputs that this node has in ComfyUI."""
        value = {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}
        sides = {name: ("INT", {"default": 512, **_SIDE}) for name in ("width", "height")}
        return {"required": {"value": ("FLOAT", value), **sides}}

    def solid(self, value: float, width: int, height: int) -> tuple[Tensor]:
        """Return a mask [1, height, width] with `value` at every pixel."""
        return (torch.full((1, height, width), value),)


class MaskComposite:
    """Combines a mask with another mask that is placed at an offset."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "combine"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the inputs that this node has in ComfyUI."""
        masks: dict[str, Any] = {name: ("MASK", {}) for name in ("destination", "source")}
        offsets = dict.fromkeys(("x", "y"), ("INT", _OFFSET))
        return {"required": {**masks, **offsets, "operation": (_OPERATIONS, {})}}

    def combine(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        """Return a copy of the destination [B, H, W], combined with the source and clamped to 0..1.

        The upper left corner of the source is put at (x, y) of the destination. The part of the source that lies
        outside the destination is ignored. The operations `and`, `or` and `xor` round both masks to 0 or 1 first.
        """
        whole = destination.reshape(-1, *destination.shape[-2:]).clone()
        part = whole[:, y : y + source.shape[-2], x : x + source.shape[-1]]
        on = source.reshape(-1, *source.shape[-2:])[:, : part.shape[-2], : part.shape[-1]]
        bits, on_bits = part.round().bool(), on.round().bool()
        results = {
            "multiply": part * on,
            "add": part + on,
            "subtract": part - on,
            "and": (bits & on_bits).float(),
            "or": (bits | on_bits).float(),
            "xor": (bits ^ on_bits).float(),
        }
        part.copy_(results[operation])
        return (whole.clamp(0, 1),)


class MaskToImage:
    """Converts a mask to a grey image."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the input that this node has in ComfyUI: a mask."""
        return {"required": {"mask": ("MASK", {})}}

    def convert(self, mask: Tensor) -> tuple[Tensor]:
        """Return a mask [B, H, W] as an image [B, H, W, 3]."""
        return (mask.reshape(-1, *mask.shape[-2:])[..., None].expand(-1, -1, -1, 3),)
