"""Positions and directions as users write them."""

import pytest

from das_core.objectives.feature_text import parse_direction, parse_position


def test_positions_and_directions_are_read_from_text() -> None:
    assert [parse_position(text) for text in ("", " 4 ", "3, 5", "3 5")] == [None, (4,), (3, 5), (3, 5)]
    assert parse_direction("12: 0.5\n\n40: -1\n12") == ((12, 1.5), (40, -1.0))
    with pytest.raises(ValueError, match=r"position 'left' is not one or two whole numbers"):
        parse_position("left")
    with pytest.raises(ValueError, match=r"channel 'red' is not a whole number"):
        parse_direction("red: 1")
