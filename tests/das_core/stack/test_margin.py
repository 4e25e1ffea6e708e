"""Margins that transform fast: wide enough, hardly wider, and as given where nothing is gained."""

import math

from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.stack import widen_margin

SMOOTH = math.prod((2**14, 3**9, 5**6, 7**5, 11**4, 13**4))
"""Every product of primes up to 13 that is shorter than 16,384 divides this number."""


@given(width=st.integers(16, 6000), height=st.integers(16, 6000), margin=st.integers(0, 600))
def test_a_wider_margin_makes_both_sides_fast(width: int, height: int, margin: int) -> None:
    wider = widen_margin(width, height, margin)
    assert margin <= wider <= margin + 16
    fast = [m for m in range(margin, margin + 17) if all(SMOOTH % (side + 2 * m) == 0 for side in (width, height))]
    worth = margin > 0 and max(width, height) + 2 * margin >= 512
    assert wider == (fast[0] if fast and worth else margin)


@each_case(("side", "margin"), [(224, 56), (256, 56), (320, 56), (512, 56), (768, 56), (1136, 0)])
def test_usual_pictures_keep_the_usual_margin_and_a_canvas_without_one_gets_none(side: int, margin: int) -> None:
    assert widen_margin(side, side, margin) == margin
