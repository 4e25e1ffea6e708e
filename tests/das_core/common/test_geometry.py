from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.geometry import Box, add_context, intersect_boxes

BOXES = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))


def paint(box: Box) -> np.ndarray:
    """A picture that holds every box of `BOXES`, 1 in the box."""
    picture = np.zeros((40, 40), dtype=bool)
    picture[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
    return picture


def test_the_common_part_of_boxes_is_empty_where_they_lie_apart_or_touch() -> None:
    assert intersect_boxes((0, 0, 10, 10), (5, 6, 10, 10)) == (5, 6, 5, 4)
    assert intersect_boxes((0, 0, 3, 3), (5, 5, 9, 9))[2:] == (0, 0)
    assert intersect_boxes((0, 0, 4, 4), (0, 4, 4, 4)) == (0, 4, 4, 0)
    assert intersect_boxes((0, 0, 4, 4), (4, 0, 4, 4)) == (4, 0, 0, 4)


@given(BOXES, BOXES)
def test_the_common_part_holds_the_pixels_that_lie_in_both(box: Box, other: Box) -> None:
    common = intersect_boxes(box, other)
    assert min(common[2:]) >= 0
    np.testing.assert_array_equal(paint(common), paint(box) & paint(other))
    assert intersect_boxes(other, box) == common


@each_case(
    ("arguments", "expected"),
    [
        (((10, 10, 20, 20), (0, 0, 100, 100)), (0, 0, 40, 40)),
        (((0, 0, 4, 4), (0, 0, 100, 100)), (0, 0, 25, 25)),
        (((90, 90, 10, 10), (0, 0, 100, 100)), (75, 75, 25, 25)),
        # A square of 80 around a box of 40 in a reach that is 30 high.
        (((10, 50, 10, 40), (5, 5, 30, 200)), (5, 30, 30, 80)),
        # The share says how much longer the square is than the long side.
        (((40, 40, 20, 10), (0, 0, 80, 80), 0.0), (40, 35, 20, 20)),
        (((40, 40, 20, 10), (0, 0, 80, 80), 0.5), (35, 30, 30, 30)),
        (((40, 40, 20, 10), (0, 0, 80, 80), 1.0), (30, 25, 40, 40)),
    ],
)
def test_context_is_a_square_around_the_box_within_reach(arguments: tuple[Any, ...], expected: Box) -> None:
    assert add_context(*arguments) == expected


@given(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 90), st.integers(1, 90)),
    st.floats(0, 3),
    st.data(),
)
def test_context_holds_the_box_and_stays_in_reach(reach: Box, share: float, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, reach[2])), data.draw(st.integers(1, reach[3]))
    top = reach[0] + data.draw(st.integers(0, reach[2] - height))
    left = reach[1] + data.draw(st.integers(0, reach[3] - width))
    box = (top, left, height, width)
    context = add_context(box, reach, share)
    assert intersect_boxes(context, reach) == context
    assert intersect_boxes(context, box) == box
    # As long as wished on both sides, unless the reach is shorter.
    wished = max((1 + share) * max(height, width), min(reach[2:]) / 4)
    for side, limit in zip(context[2:], reach[2:], strict=True):
        assert min(wished, limit) <= side < wished + 1
