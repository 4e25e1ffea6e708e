"""The sizes that a picture and its canvas can have."""

from ..common.scalars import as_whole
from ..common.text import shorten

SMALLEST_SIDE = 16
"""The least width and height of a picture, in pixels."""

LONGEST_SIDE = 2**15
"""The longest side of a canvas, in pixels. An ascent on a square canvas of this side needs about 150 gigabytes."""


def check_size(width: int, height: int, margin: int) -> tuple[int, int, int]:
    """Return the size of a stack, or raise an error; call this before anything of that size is allocated.

    Args:
        width: the width of the picture in pixels.
        height: the height of the picture in pixels.
        margin: the width of the margin on each side of the picture, in pixels.

    Returns:
        The same three numbers, each as an int.

    Raises:
        ValueError: when a number is no whole number, a side of the picture is too small, the margin is negative, or the
            canvas is too large.
    """
    width, height, margin = (_read_pixels(*each) for each in (("width", width), ("height", height), ("margin", margin)))
    for name, side in (("width", width), ("height", height)):
        if side < SMALLEST_SIDE:
            raise ValueError(
                f"{name} {shorten(side)} is too small; a picture needs at least {SMALLEST_SIDE} pixels a side"
            )
    if margin < 0:
        raise ValueError(f"margin {shorten(margin)} is negative; it must be 0 or more pixels")
    if max(width, height) + 2 * margin > LONGEST_SIDE:
        raise ValueError(
            f"a canvas of {shorten(width + 2 * margin)} x {shorten(height + 2 * margin)} pixels, margins included, is "
            f"too large: make width, height or margin smaller, so that no side is longer than {LONGEST_SIDE}"
        )
    return width, height, margin


def _read_pixels(name: str, value: object) -> int:
    """Return a number of pixels as an int, or raise an error that names the setting."""
    pixels = as_whole(value)
    if pixels is None:
        raise ValueError(f"{name} {shorten(value)} is no whole number of pixels; give one, such as 448")
    return pixels
