"""Opens pictures from untrusted files: only formats that cannot run a program.

Pillow opens PostScript files with the program Ghostscript, and recognises formats by content, so the name of a file
does not protect.
"""

import struct
import zlib
from pathlib import Path

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What is opened, by Pillow's names. None of them runs a program."""

PICTURE_ERRORS = (
    OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, RuntimeError, EOFError, struct.error,
    zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for files that are damaged, or made to break it: a TIFF without a field, an AVIF cut short."""


def open_picture(path: Path) -> Image.Image:
    """Open a picture and decode its first frame, so that errors in that frame appear here.

    Args:
        path: the file.

    Returns:
        The picture, which is still open: its further frames can be read. The caller closes it.

    Raises:
        ValueError: when there is no such file, or it is damaged, no picture of `FORMATS`, or has more pixels than
            Pillow considers safe.
    """
    Image.init()
    try:
        # An older Pillow has no AVIF.
        picture = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    except PICTURE_ERRORS as error:
        raise ValueError(describe_damage(path, error)) from error
    try:
        picture.load()
    except PICTURE_ERRORS as error:
        picture.close()
        raise ValueError(describe_damage(path, error)) from error
    return picture


def describe_damage(path: Path, error: BaseException) -> str:
    """Return the message for a picture that cannot be read.

    Args:
        path: the file.
        error: what Pillow raised.
    """
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return f"cannot read the image {path.name[:80]!r} ({reason}); use a PNG, JPEG, WebP, GIF, BMP or TIFF file"
