"""Reads settings that are a whole number, a number or a switch, whatever type the caller has them in.

A dataclass that reads its settings in this way holds Python's own int, float and bool. These can be compared, hashed,
and written as JSON; NumPy's numbers cannot always be.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np

from .text import shorten


def as_whole(value: object) -> int | None:
    """Return a whole number as an int, or None if the value is none; True and False are none.

    Args:
        value: an int, a NumPy integer, or anything else.

    Example:
        >>> import numpy as np
        >>> from das_core.common.scalars import as_whole
        >>> as_whole(np.int64(4)), as_whole(4.0), as_whole(True), as_whole("4")
        (4, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        return None
    return int(value)


def as_number(value: object) -> float | None:
    """Return a number as a float, or None if the value is no real number or too large; True and False are no numbers.

    Args:
        value: an int, a float, a NumPy number, or anything else.

    Example:
        >>> from das_core.common.scalars import as_number
        >>> as_number(2), as_number(10**400), as_number("2")
        (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def as_switch(name: str, value: object) -> bool:
    """Return a setting that is on or off as a bool.

    Args:
        name: the name of the setting in the message.
        value: True, False, 1, 0, or one of these as a NumPy number.

    Raises:
        ValueError: when the value is none of these.

    Example:
        >>> from das_core.common.scalars import as_switch
        >>> as_switch("loop", 1)
        True
    """
    if isinstance(value, bool | np.bool_) or as_whole(value) in (0, 1):
        return bool(value)
    raise ValueError(f"{name} {shorten(value)} is neither on nor off; give True or False")


def as_list(name: str, value: Any, example: str) -> list[Any]:
    """Return the items of a setting that is a list, in their order.

    Args:
        name: the name of the setting in the message.
        value: a list, a tuple, an array or another iterable, but no text.
        example: what could be given instead, for the message.

    Raises:
        ValueError: when the value has no items.

    Example:
        >>> from das_core.common.scalars import as_list
        >>> as_list("levels", 16, "(1, 4, 16)")
        Traceback (most recent call last):
        ValueError: levels 16 is no list; give one, such as (1, 4, 16)
    """
    try:
        if not isinstance(value, str | bytes):
            return list(value)
    except TypeError:
        # It is no iterable, or a tensor without an axis.
        pass
    raise ValueError(f"{name} {shorten(value)} is no list; give one, such as {example}")
