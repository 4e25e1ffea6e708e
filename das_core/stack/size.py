"""The sizes that a picture and its canvas can have."""

SMALLEST_SIDE = 16
"""The least width and height of a picture, in pixels."""

LONGEST_SIDE = 2**15
"""The longest side of a canvas, in pixels. An ascent on a square canvas of this side needs about 150 gigabytes."""


def check_size(width: int, height: int, margin: int) -> None:
    """Raise an error when no stack can have the given size; call this before anything of that size is allocated.

    Args:
        width: the width of the picture in pixels.
        height: the height of the picture in pixels.
        margin: the width of the margin on each side of the picture, in pixels.

    Raises:
        ValueError: when a side of the picture is too small, the margin is negative, or the canvas is too large.
    """
    for name, side in (("width", width), ("height", height)):
        if side < SMALLEST_SIDE:
            raise ValueError(f"{name} {side} is too small; a picture needs at least {SMALLEST_SIDE} pixels a side")
    if margin < 0:
        raise ValueError(f"margin {margin} is negative; it must be 0 or more pixels")
    if max(width, height) + 2 * margin > LONGEST_SIDE:
        raise ValueError(
            f"a canvas of {width + 2 * margin} x {height + 2 * margin} pixels, margins included, is too large: make "
            f"width, height or margin smaller, so that no side is longer than {LONGEST_SIDE}"
        )
