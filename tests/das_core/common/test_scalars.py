import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from cases import each_case
from das_core.common.scalars import as_list, as_number, as_switch, as_whole, check_number


@each_case(
    ("value", "whole", "number"),
    (3, 3, 3.0),
    (np.int16(-3), -3, -3.0),
    (np.float32(0.5), None, 0.5),
    (2.0, None, 2.0),
    (Fraction(1, 2), None, 0.5),
    (10**400, 10**400, None),
    *((value, None, None) for value in (True, np.True_, "3", b"3", None, 3j, [3], np.array([3]), torch.tensor(3))),
)
def test_numbers_of_any_type_are_read_as_pythons_own(value: Any, whole: int | None, number: float | None) -> None:
    assert (as_whole(value), as_number(value)) == (whole, number)
    assert {type(as_whole(value)), type(as_number(value))} <= {int, float, type(None)}


@each_case(
    ("value", "limits", "says"),
    ("0.5", {}, "^share '0.5' is not between 0 and 1; 0.3 is usual$"),
    (1.1, {}, "share 1.1 is not between 0 and 1"),
    (math.nan, {}, "share nan is not between"),
    (0, {"above": True}, "share 0 is not above 0 and at most 1"),
    (0.5, {"whole": True}, "share 0.5 is not a whole number from 0 to 1"),
    (-1, {"whole": True, "high": math.inf}, "share -1 is not a whole number from 0 up"),
)
def test_what_is_no_number_in_a_range_is_refused(value: Any, limits: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"low": 0, "high": 1, "usual": "0.3 is usual"} | limits
    with pytest.raises(ValueError, match=says):
        check_number("share", value, **given)
    read = check_number("share", np.int8(1), **given)
    assert (read, type(read)) == (1, int if "whole" in limits else float)


def test_a_switch_is_on_or_off_and_nothing_between() -> None:
    assert [as_switch("tile", value) for value in (True, np.True_, 1, np.int8(1))] == [True] * 4
    assert [as_switch("tile", value) for value in (False, np.False_, 0)] == [False] * 3
    others: list[Any] = [2, 1.0, "off", None, [], np.array([1])]
    for value in others:
        with pytest.raises(ValueError, match=r"tile .* is neither on nor off; give True or False"):
            as_switch("tile", value)


def test_what_has_items_is_a_list() -> None:
    lists: list[Any] = [(1, 4), [1, 4], range(1, 5, 3), np.array([1, 4]), torch.tensor([1, 4]), iter([1, 4])]
    for value in lists:
        assert as_list("levels", value, "(1, 4)") == [1, 4]
    others: list[Any] = [4, "14", b"14", None, torch.tensor(4), np.array(4)]
    for value in others:
        with pytest.raises(ValueError, match=r"levels .* is no list; give one, such as \(1, 4\)"):
            as_list("levels", value, "(1, 4)")
