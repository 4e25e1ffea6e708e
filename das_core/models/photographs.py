"""Reads the photographs that a user gives, from a folder or as images."""

import logging
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from ..common.files import explain_unreadable
from ..common.images import Images, check_images, fit_square, resize
from ..common.text import shorten

Photographs = Images | Path | str  # Photographs: images, or a folder with files of them, whose subfolders are left out.

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
_MOST_PIXELS = 2**26  # Of a file, which takes three bytes a pixel while it is read.
_FLAT = 0.02  # A picture in whose channels the values differ by less shows nothing.
AT_ONCE = 8  # How many of them the model is shown at once.

# The errors of Pillow for files that are no photographs, are damaged, or claim to be huge.
_DAMAGES = (OSError, ValueError, SyntaxError, LookupError, ArithmeticError, struct.error, Image.DecompressionBombError)
_LOG = logging.getLogger(__name__)


def find_pictures(photographs: Photographs) -> Sequence[Path | Tensor]:
    """Return the files of a folder, or the single images (1, 3, H, W) of a batch."""
    if not isinstance(photographs, str | os.PathLike):
        return check_images(photographs, "photographs").split(1)
    folder = Path(photographs)
    if not os.path.isdir(folder):
        raise ValueError(f"there is no folder of photographs '{shorten(str(folder), 300)}'; give the path of one")
    with explain_unreadable(folder):
        return sorted(path for path in folder.iterdir() if path.is_file())


def read_picture(picture: Path | Tensor, size: int) -> Tensor | None:
    """Return a picture (1, 3, size, size), 0..1; None for a file that is none, or a picture of one colour."""
    opened = _open(picture, size)
    return None if opened is None else _leave_out_flat(fit_square(opened, size))


def read_whole_picture(picture: Path | Tensor, side: int) -> Tensor | None:
    """Return a picture (1, 3, H, W), 0..1, whose shorter side is at most `side`; None as `read_picture` does."""
    opened = _open(picture, side)
    if opened is None:
        return None
    scale = min(1.0, side / min(opened.shape[2:]))
    height, width = (max(1, round(length * scale)) for length in opened.shape[2:])
    return _leave_out_flat(opened if scale == 1 else resize(opened, (height, width)))


def _open(picture: Path | Tensor, size: int) -> Tensor | None:
    """Return a picture, or the content of its file, of `size` pixels or more; None for a file that is none."""
    if isinstance(picture, Tensor):
        return picture
    try:
        with Image.open(picture, formats=_FORMATS) as file:
            if file.width * file.height > _MOST_PIXELS:
                raise ValueError(f"it has {file.width} x {file.height} pixels")
            file.draft("RGB", (2 * size, 2 * size))
            return check_images(file, "photograph")
    except _DAMAGES as error:
        _LOG.warning("%s is left out of the photographs (%s)", picture, shorten(str(error), 200))
        return None


def _leave_out_flat(seen: Tensor) -> Tensor | None:
    """Return a picture (1, 3, H, W), or None if it is of one colour."""
    darkest, brightest = seen.flatten(2).aminmax(dim=2)
    return seen if float((brightest - darkest).max()) > _FLAT else None
