"""Shapes and boxes on a canvas, in pixels."""

import math
from numbers import Integral
from typing import Any

from .text import shorten

Shape = tuple[int, int]
"""Height and width in pixels."""

Box = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""


def read_size(size: Any) -> tuple[int, int]:
    """Return width and height in pixels, which may be given as one number for both.

    Args:
        size: a whole number for both, or width and height as two whole numbers.

    Raises:
        ValueError: when `size` is neither one whole number nor two.

    Example:
        >>> from das_core.common.geometry import read_size
        >>> read_size(224), read_size((448, 320))
        ((224, 224), (448, 320))
    """
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
        raise ValueError(f"size {shorten(size)} is neither a whole number of pixels nor two, such as (448, 320)")
    return sides


def intersect_boxes(box: Box, other: Box) -> Box:
    """Return the part of a box that lies in another box; its height or width is 0 if the boxes do not overlap.

    Example:
        >>> from das_core.common.geometry import intersect_boxes
        >>> intersect_boxes((0, 0, 10, 10), (5, 6, 10, 10))
        (5, 6, 5, 4)
    """
    top, left = max(box[0], other[0]), max(box[1], other[1])
    bottom, right = min(box[0] + box[2], other[0] + other[2]), min(box[1] + box[3], other[1] + other[3])
    return top, left, max(0, bottom - top), max(0, right - left)


def add_context(box: Box, reach: Box, share: float = 1.0) -> Box:
    """Return a square around a box, large enough to show the surroundings of the box as well.

    The square is centred on the box and then moved so that it lies in `reach`. If it is longer than a side of `reach`,
    it is cut to that side and becomes a rectangle. If the box is not wholly in `reach`, as for a mask in the margin,
    the result is the square in `reach` that is nearest to the box; it may contain only a part of the box, or nothing.

    Args:
        box: the box on which the square is centred; it need not lie in `reach`.
        reach: the box that the square must not leave.
        share: the side of the square is (1 + `share`) times the long side of the box, but at least a quarter of the
            short side of `reach`.

    Example:
        >>> from das_core.common.geometry import add_context
        >>> add_context((40, 40, 20, 10), reach=(0, 0, 100, 100))
        (30, 25, 40, 40)
        >>> add_context((0, 0, 20, 10), reach=(0, 0, 100, 100))
        (0, 0, 40, 40)
    """
    side = max(math.ceil(max(box[2], box[3]) * (1 + share)), math.ceil(min(reach[2:]) / 4))
    height, width = min(side, reach[2]), min(side, reach[3])
    top = min(max(box[0] + (box[2] - height) // 2, reach[0]), reach[0] + reach[2] - height)
    left = min(max(box[1] + (box[3] - width) // 2, reach[1]), reach[1] + reach[3] - width)
    return top, left, height, width
