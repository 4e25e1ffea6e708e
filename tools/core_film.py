"""The core nodes that join batches and make a film of one, as ComfyUI 0.8.0 does, but for the workflow in the film."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from comfy_api.latest import io
from core_output import free_file
from PIL import Image

_METHODS = {"default": 4, "fastest": 0, "slowest": 6}


class BatchImagesNode(io.ComfyNode):
    """Puts batches one behind the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Take what ComfyUI's node takes."""
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
        """Join batches [B, H, W, C].

        Raises:
            ValueError: they are of different sizes; ComfyUI itself would resize or pad them.
        """
        shapes = {tuple(batch.shape[1:]) for batch in images.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"images of {', '.join(map(str, sorted(shapes)))} do not go into one batch, and resizing them needs "
                "ComfyUI itself; make them alike"
            )
        return io.NodeOutput(torch.cat(list(images.values())))


class SaveAnimatedWEBP:
    """Saves a batch as one animated file, PREFIX_00001_.webp, which plays without end."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Take images in the order in which they are shown, and how."""
        return {
            "required": {
                "images": ("IMAGE", {}),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (list(_METHODS), {}),
            }
        }

    def save(
        self, images: torch.Tensor, filename_prefix: str, fps: float, lossless: bool, quality: int, method: str
    ) -> dict[str, dict[str, Any]]:
        """Save [B, H, W, C] in 0..1; raises ValueError when the prefix leaves the output folder."""
        height, width = images.shape[1:3]
        path, entry = free_file(filename_prefix, width, height, "webp")
        first, *others = [
            Image.fromarray(np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)) for image in images
        ]
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=int(1000 / fps),
            lossless=lossless,
            quality=quality,
            method=_METHODS[method],
        )
        return {"ui": {"images": [entry], "animated": (len(images) > 1,)}}
