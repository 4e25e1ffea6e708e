"""Opens pictures from untrusted files, and only in formats that Pillow reads without starting another program.

For PostScript files, for instance, Pillow starts Ghostscript. Pillow recognises a format by the content of a file, so a
file name such as `picture.png` is no protection.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, ImageSequence

if TYPE_CHECKING:
    from torch import Tensor

# Pillow's names of the formats that are opened. Pillow reads all of them without starting another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
# The most pixels that all frames of a file may have together; a file with a single frame may have more. 2**28 pixels
# take 4 GiB: three channels and a mask value of 4 bytes each. A compressed frame of one colour takes a few bytes, so a
# small file can hold any number of them.
MOST_PIXELS = 2**28
# The errors that Pillow raises for damaged or malicious files, such as a TIFF without a needed field
_ERRORS = (
    OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, RuntimeError, EOFError, struct.error,
    zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def open_picture(path: Path) -> Image.Image:
    """Open a picture and decode its first frame; a ValueError says that it is damaged, too large or of another
    format."""
    Image.init()
    try:
        # Older versions of Pillow cannot open AVIF.
        picture = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    except _ERRORS as error:
        raise _describe_damage(path, error) from error
    try:
        picture.load()
    except _ERRORS as error:
        picture.close()
        raise _describe_damage(path, error) from error
    return picture


def is_picture_name(name: str) -> bool:
    """Return whether the suffix of a file name is that of one of the `FORMATS`."""
    return Image.registered_extensions().get(Path(name).suffix.lower()) in FORMATS


def read_frames(path: Path) -> tuple[Tensor, Tensor]:
    """Return frames (B, H, W, 3) in 0..1 and their masks (1 - alpha) as ComfyUI's LoadImage; ValueError as
    `open_picture`."""
    with open_picture(path) as file:
        try:
            return _stack_frames(file)
        except _ERRORS as error:
            raise _describe_damage(path, error) from error


def _stack_frames(file: Image.Image) -> tuple[Tensor, Tensor]:
    """Return frames and masks of an open file."""
    import torch  # Not above: it takes seconds, and other functions do without it.

    count = getattr(file, "n_frames", 1)
    if count * file.width * file.height > max(MOST_PIXELS, file.width * file.height):
        raise ValueError(f"{count} frames of {file.width} x {file.height} pixels do not fit into memory")
    frames: list[Tensor] = []
    masks: list[Tensor] = []
    for frame in ImageSequence.Iterator(file):
        upright = ImageOps.exif_transpose(frame)
        if upright.mode == "I":  # 32-bit integers, which ComfyUI scales in this way
            upright = upright.point(lambda level: level * (1 / 255))
        pixels = _to_float(upright.convert("RGB"))
        if frames and pixels.shape != frames[0].shape:
            continue
        frames.append(pixels)
        clear = "A" in upright.getbands() or (upright.mode == "P" and "transparency" in upright.info)
        masks.append(1.0 - _to_float(upright.convert("RGBA").getchannel("A")) if clear else torch.zeros(64, 64))
        if file.format == "MPO":  # further frames are previews of the first, or show the scene again
            break
    if len({mask.shape for mask in masks}) > 1:
        # Some frames have transparency and others do not.
        masks = [mask if mask.shape == frames[0].shape[:2] else torch.zeros(frames[0].shape[:2]) for mask in masks]
    return torch.stack(frames), torch.stack(masks)


def _to_float(image: Image.Image) -> Tensor:
    """Return the pixels of an image of 8 bits as numbers in 0..1."""
    import numpy as np
    import torch

    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255.0)


def _describe_damage(path: Path, error: BaseException) -> ValueError:
    """Return the error for a picture that cannot be read."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ValueError(
        f"cannot read the image {path.name[:80]!r} ({reason}); use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file"
    )
