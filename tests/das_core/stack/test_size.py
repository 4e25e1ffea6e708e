"""Sizes that a picture and its canvas can have."""

import pytest

from cases import each_case
from das_core.stack.size import LONGEST_SIDE, SMALLEST_SIDE, check_size


def test_the_smallest_picture_and_the_longest_canvas_are_allowed() -> None:
    check_size(SMALLEST_SIDE, SMALLEST_SIDE, 0)
    check_size(LONGEST_SIDE - 20, SMALLEST_SIDE, 10)


@each_case(
    ("size", "says"),
    [
        ((8, 224, 56), "width 8 is too small; a picture needs at least 16 pixels a side"),
        ((224, 15, 56), "height 15 is too small"),
        ((224, 224, -1), "margin -1 is negative"),
        ((2**31, 224, 56), r"a canvas of 2147483760 x 336 pixels, .* no side is longer than 32768"),
        ((224, 224, 2**40), "too large: make width, height or margin smaller"),
        ((LONGEST_SIDE - 20, 224, 11), "too large"),
    ],
)
def test_a_size_that_cannot_be_is_named(size: tuple[int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_size(*size)
