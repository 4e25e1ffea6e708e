"""Sizes that a picture and its canvas can have, and margins with which both sides are fast."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cases import each_case
from das_core.stack.size import LONGEST_SIDE, SMALLEST_SIDE, check_size, widen_margin

SMOOTH = math.prod((2**14, 3**9, 5**6, 7**5, 11**4, 13**4))
"""Every product of primes up to 13 that is shorter than 16,384 divides this number."""


@each_case(
    ("size", "says"),
    ((15, 224, 56), "width 15 is not a whole number from 16 to 32768; 448 is usual"),
    ((224, 15, 56), "height 15 is not"),
    ((224, 224, -1), "margin -1 is not a whole number from 0 to 32768"),
    ((LONGEST_SIDE - 20, 224, 11), r"a canvas of 32770 x 246 pixels, .* no side is longer than 32768"),
    (("224", 224, 0), "width '224' is not"),
)
def test_a_size_that_cannot_be_is_named_and_the_smallest_and_the_largest_can(
    size: tuple[int, int, int], says: str
) -> None:
    check_size(SMALLEST_SIDE, SMALLEST_SIDE, 0)
    check_size(LONGEST_SIDE - 20, SMALLEST_SIDE, 10)
    with pytest.raises(ValueError, match=says):
        check_size(*size)


@example(414, 448, 56)  # 17 pixels further, both would be fast
@given(width=st.integers(16, 6000), height=st.integers(16, 6000), margin=st.integers(0, 600))
def test_a_wider_margin_makes_both_sides_fast(width: int, height: int, margin: int) -> None:
    wider = widen_margin(width, height, margin)
    fast = [m for m in range(margin, margin + 17) if all(SMOOTH % (side + 2 * m) == 0 for side in (width, height))]
    worth = margin > 0 and max(width, height) + 2 * margin >= 512
    assert wider == (fast[0] if fast and worth else margin)
