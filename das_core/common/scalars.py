"""Reads settings of any numeric type as Python's own int, float and bool, which can be hashed and written as JSON."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from .text import shorten


def as_whole(value: object) -> int | None:
    """Return a whole number as an int, or None if the value is none; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return None
    return int(value)


def as_number(value: object) -> float | None:
    """Return a real number as a float, or None if the value is none or too large; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def as_switch(name: str, value: object) -> bool:
    """Return a setting that is on or off as a bool, or raise a ValueError."""
    if isinstance(value, bool | np.bool_) or as_whole(value) in (0, 1):
        return bool(value)
    raise ValueError(f"{name} {shorten(value)} is neither on nor off; give True or False")


def as_list(name: str, value: Any, example: str) -> list[Any]:
    """Return the items of a setting that is a list or another iterable, but no text, or raise a ValueError."""
    try:
        if not isinstance(value, str | bytes):
            return list(value)
    except TypeError:
        pass  # It is no iterable, or a tensor without an axis.
    raise ValueError(f"{name} {shorten(value)} is no list; give one, such as {example}")


def check_number(
    what: str, value: Any, low: float, high: float, usual: str, *, whole: bool = False, above: bool = False
) -> Any:
    """Return a number from `low` (or only `above` it) to `high` as a float, a `whole` one as an int, or raise a
    ValueError that ends with what is `usual`."""
    number = as_whole(value) if whole else as_number(value)
    if number is None or not low <= number <= high or (above and number == low):
        allowed = f"above {low:g} and at most {high:g}" if above else f"between {low:g} and {high:g}"
        if whole:
            allowed = f"a whole number from {low:g} {'up' if high == math.inf else f'to {high:g}'}"
        shown = shorten(repr(value) if isinstance(value, str) else value)
        raise ValueError(f"{what} {shown} is not {allowed}; {usual}")
    return number


def check_count(count: int, wanted: int, what: str, unit: str = "image") -> None:
    """Raise a ValueError unless there is one thing for all images, or one for each."""
    if count not in (1, wanted):
        each = "" if wanted == 1 else f" or {wanted}"
        raise ValueError(f"{count} {what} do not go with {wanted} {unit}{'s' * (wanted != 1)}: use 1{each}")


def set_fields(item: Any, **values: object) -> None:
    """Replace what was given for the fields of a frozen dataclass by the values that were read from it."""
    for name, value in values.items():
        object.__setattr__(item, name, value)
