"""Shapes and boxes on a canvas, in pixels."""

import math
from numbers import Integral
from typing import Any

from .text import shorten

Shape = tuple[int, int]  # Height and width in pixels.
Box = tuple[int, int, int, int]  # Top, left, height and width in pixels.


def read_size(size: Any) -> tuple[int, int]:
    """Return width and height in pixels, which may be given as one whole number for both."""
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
        raise ValueError(f"size {shorten(size)} is neither a whole number of pixels nor two, such as (448, 320)")
    return sides


def intersect_boxes(box: Box, other: Box) -> Box:
    """Return the part of a box that lies in another box; its height or width is 0 if the boxes do not overlap."""
    top, left = max(box[0], other[0]), max(box[1], other[1])
    bottom, right = min(box[0] + box[2], other[0] + other[2]), min(box[1] + box[3], other[1] + other[3])
    return top, left, max(0, bottom - top), max(0, right - left)


def add_context(box: Box, reach: Box) -> Box:
    """Return a square around a box, twice as large, or at least a quarter of `reach`, moved and cut to lie in it."""
    side = max(2 * max(box[2:]), math.ceil(min(reach[2:]) / 4))
    height, width = min(side, reach[2]), min(side, reach[3])
    top = min(max(box[0] + (box[2] - height) // 2, reach[0]), reach[0] + reach[2] - height)
    left = min(max(box[1] + (box[3] - width) // 2, reach[1]), reach[1] + reach[3] - width)
    return top, left, height, width
