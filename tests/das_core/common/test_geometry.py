import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.geometry import Box, add_context, intersect_boxes, read_size

BOXES = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))


def paint(box: Box) -> np.ndarray:
    """A picture that holds every box of `BOXES`, 1 in the box."""
    picture = np.zeros((40, 40), dtype=bool)
    picture[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
    return picture


@given(BOXES, BOXES)
def test_the_common_part_holds_the_pixels_that_lie_in_both(box: Box, other: Box) -> None:
    common = intersect_boxes(box, other)
    assert min(common[2:]) >= 0
    np.testing.assert_array_equal(paint(common), paint(box) & paint(other))


@each_case(
    ("box", "reach", "expected"),
    ((10, 10, 20, 20), (0, 0, 100, 100), (0, 0, 40, 40)),
    ((0, 0, 4, 4), (0, 0, 100, 100), (0, 0, 25, 25)),
    ((90, 90, 10, 10), (0, 0, 100, 100), (75, 75, 25, 25)),
    # A square of 80 around a box of 40 in a reach that is 30 high.
    ((10, 50, 10, 40), (5, 5, 30, 200), (5, 30, 30, 80)),
    # A box that is not in reach, and one as large as it.
    ((0, 0, 4, 4), (50, 60, 40, 40), (50, 60, 10, 10)),
    ((3, 3, 9, 7), (3, 3, 9, 7), (3, 3, 9, 7)),
)
def test_context_is_a_square_around_the_box_within_reach(box: Box, reach: Box, expected: Box) -> None:
    assert add_context(box, reach) == expected


def test_a_size_is_a_whole_number_or_two() -> None:
    assert (read_size(224), read_size([448, 320])) == ((224, 224), (448, 320))
    for size in (0.5, "64", (64,), (64, 64, 64), (64, 0.5)):
        with pytest.raises(ValueError, match="is neither a whole number of pixels nor two, such as"):
            read_size(size)
