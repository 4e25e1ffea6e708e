"""Values of one input: lists and ranges, and what is neither."""

from datetime import date
from typing import Any

import pytest

from cases import each_case
from sweeper.errors import SweepError
from sweeper.grid_values import MAX_VALUES, read_value, read_values


@each_case(
    ("written", "values"),
    [
        ([1, "two", 0.5, True], [1, "two", 0.5, True]),
        ({"from": 0, "to": 3}, [0, 1, 2, 3]),
        ({"from": 1, "to": 8, "step": 3}, [1, 4, 7]),
        ({"from": 0, "to": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"from": 1, "to": 0, "count": 3}, [1.0, 0.5, 0.0]),
        ({"from": 0.01, "to": 100, "count": 5, "scale": "log"}, pytest.approx([0.01, 0.1, 1, 10, 100])),
        ([1, True, "1"], [1, True, "1"]),
        ({"from": -1e308, "to": 1e308, "count": 3}, [-1e308, 0.0, 1e308]),
        ({"from": 10**308, "to": -(10**308), "count": 5}, pytest.approx([1e308, 5e307, 0, -5e307, -1e308])),
        ({"from": 1e-300, "to": 1e300, "count": 3, "scale": "log"}, pytest.approx([1e-300, 1, 1e300])),
        ({"from": 1e300, "to": 1e-300, "count": 3, "scale": "log"}, pytest.approx([1e300, 1, 1e-300])),
        ({"from": -1e308, "to": 1e308, "step": 1e308}, [-1e308, 0.0, 1e308]),
    ],
)
def test_lists_and_ranges(written: Any, values: list[Any]) -> None:
    assert read_values(written, "here") == values


def test_whole_ranges_are_whole_numbers() -> None:
    assert [type(value) for value in read_values({"from": 0, "to": 1}, "here")] == [int, int]


@each_case(
    ("written", "message"),
    [
        ("jellyfish", "here: 'jellyfish' is no list of values; write [jellyfish], or a range"),
        ([], "the list is empty"),
        ([1, 2, 1], "1 is there twice"),
        ([None], "YAML reads nothing here"),
        ([[1, 2]], "YAML reads a list here"),
        ([float("nan")], "nan is not finite"),
        ({"from": 0}, "is no range"),
        ({"from": 0, "to": 1, "step": 1, "count": 2}, "is no range"),
        ({"from": 0, "to": 1, "by": 1}, "is no range"),
        ({"from": 0, "to": "1"}, "something else than numbers"),
        ({"from": 0, "to": True}, "something else than numbers"),
        ({"from": 0, "to": float("inf")}, "inf is not finite"),
        ({"from": 1, "to": 0}, "needs from <= to"),
        ({"from": 0, "to": 1, "step": 0}, "a step above 0"),
        ({"from": 0, "to": 1, "count": 1}, "count of 2 or more"),
        ({"from": 0, "to": 1, "count": 3, "scale": "log"}, "needs both ends above 0"),
        ({"from": 0, "to": 10**400, "count": 3}, "a range with a number of 401 digits; at most 308 are read"),
        ({"from": 0, "to": 1e308}, f"at most {MAX_VALUES:,}"),
        ({"from": 0, "to": 10**15}, f"at most {MAX_VALUES:,}"),
        ({"from": 0, "to": 1, "count": 10**15}, f"at most {MAX_VALUES:,}"),
    ],
)
def test_what_is_no_list_or_range_is_refused(written: Any, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_values(written, "here")
    assert message in str(caught.value)


def test_a_date_is_refused_with_advice() -> None:
    with pytest.raises(SweepError, match="a text in quotes"):
        read_value(date(2025, 1, 1), "here")
