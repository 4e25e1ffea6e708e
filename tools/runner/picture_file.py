"""Opens pictures from untrusted files, and only in formats that Pillow reads without starting another program.

For PostScript files, for instance, Pillow starts Ghostscript. Pillow recognises a format by the content of a file, so a
file name such as `picture.png` is no protection.
"""

import struct
import zlib
from pathlib import Path

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Pillow's names of the formats that are opened. Pillow reads all of them without starting another program."""

PICTURE_ERRORS = (
    OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, RuntimeError, EOFError, struct.error,
    zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""The errors that Pillow raises for damaged or malicious files, such as a TIFF without a needed field."""


def open_picture(path: Path) -> Image.Image:
    """Open a picture and decode its first frame, so that errors in that frame appear here.

    Args:
        path: the file.

    Returns:
        The picture. If it has several frames, its file is still open, so that they can be read. The caller closes the
        picture.

    Raises:
        ValueError: the file does not exist, is damaged, has none of the `FORMATS`, or has more pixels than Pillow
            allows.
    """
    Image.init()
    try:
        # Older versions of Pillow cannot open AVIF.
        picture = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    except PICTURE_ERRORS as error:
        raise ValueError(describe_damage(path, error)) from error
    try:
        picture.load()
    except PICTURE_ERRORS as error:
        picture.close()
        raise ValueError(describe_damage(path, error)) from error
    return picture


def is_picture_name(name: str) -> bool:
    """Return whether the suffix of a file name is that of one of the `FORMATS`.

    Example:
        >>> is_picture_name("atlas/cat.PNG"), is_picture_name("cat.safetensors")
        (True, False)
    """
    return Image.registered_extensions().get(Path(name).suffix.lower()) in FORMATS


def describe_damage(path: Path, error: BaseException) -> str:
    """Return the message for a picture that cannot be read.

    Args:
        path: the file.
        error: the error that Pillow raised.
    """
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return f"cannot read the image {path.name[:80]!r} ({reason}); use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file"
