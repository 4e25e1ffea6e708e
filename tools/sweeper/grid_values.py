"""The values of one input in a grid, which are written as a list or as a range."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from sweeper.errors import SweepError

Value: TypeAlias = str | int | float | bool
"""The types of values that a widget of a workflow can be set to."""

MAX_VALUES = 1_000_000
"""The largest number of values of a range; a range of more values is probably a mistake and raises an error."""

RANGE_FORMS = "{from: 0, to: 7}, {from: 0, to: 1, step: 0.25} or {from: 0.01, to: 1, count: 5, scale: log}"
"""Examples of the ways to write a range, for messages."""


def read_values(written: Any, where: str) -> list[Value]:
    """Return the values of a list or a range.

    Args:
        written: the values as YAML reads them: a list of texts, numbers and booleans, or a mapping that describes a
            range from `from` to `to`, both inclusive. A range has either a `step`, by default 1, or a `count` of values
            and a `scale`, which is "linear" (the default) or "log". With a `step`, no value is above `to`.
        where: the name of the input, for messages.

    Raises:
        SweepError: `written` is neither a list nor a range; the list is empty; a value occurs twice in it; a value is
            no text, boolean or finite number; or a range has more than `MAX_VALUES` values.

    Example:
        >>> read_values({"from": 0, "to": 0.3, "step": 0.1}, "here")
        [0.0, 0.1, 0.2, 0.3]
    """
    if isinstance(written, Mapping):
        return _read_range(written, where)
    if not isinstance(written, list):
        raise SweepError(f"{where}: {written!r} is no list of values; write [{written}], or a range: {RANGE_FORMS}")
    if not written:
        raise SweepError(f"{where}: the list is empty; write at least one value, or remove the line")
    values = [read_value(value, where) for value in written]
    seen: set[tuple[type, Value]] = set()
    for value in values:
        if (type(value), value) in seen:
            raise SweepError(f"{where}: {value!r} is there twice; a cell is computed once")
        seen.add((type(value), value))
    return values


def read_value(written: Any, where: str) -> Value:
    """Return one value of a grid.

    Args:
        written: the value as YAML reads it.
        where: the name of the input, for messages.

    Raises:
        SweepError: the value is no text, number or boolean, or it is a number that is not finite.
    """
    if isinstance(written, float) and not math.isfinite(written):
        raise SweepError(f"{where}: {written} is not finite; write a number")
    if isinstance(written, str | int | float):
        return written
    kind = "nothing" if written is None else f"a {type(written).__name__}"
    raise SweepError(f"{where}: YAML reads {kind} here ({written!r}); write a number, true, false, or a text in quotes")


def _read_range(written: Mapping[Any, Any], where: str) -> list[Value]:
    """Return the values of a range; raise a SweepError if it is wrong or has more than `MAX_VALUES` values.

    Args:
        written: the range as YAML reads it: a mapping with `from`, `to`, and perhaps `step`, `count` or `scale`,
            see `read_values`.
        where: the name of the input, for messages.
    """
    unknown = written.keys() - {"from", "to", "step", "count", "scale"}
    numbers: list[Any] = [written.get(name) for name in ("from", "to", "step", "count") if name in written]
    if unknown or "from" not in written or "to" not in written or {"step", "count"} <= written.keys():
        raise SweepError(f"{where}: {dict(written)} is no range; write {RANGE_FORMS}")
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        raise SweepError(f"{where}: {dict(written)} has something else than numbers in it; write {RANGE_FORMS}")
    for number in numbers:
        read_value(number, where)
        if abs(number) > sys.float_info.max:
            raise SweepError(f"{where}: a range with a number of {len(str(abs(number)))} digits; at most 308 are read")
    return _spread(written, where) if "count" in written else _step(written, where)


def _step(written: Mapping[str, Any], where: str) -> list[Value]:
    # Decimals, because in binary floating point 3 * 0.1 is not 0.3.
    first, last, step = (Decimal(str(written.get(name, 1))) for name in ("from", "to", "step"))
    if "scale" in written or step <= 0 or last < first:
        raise SweepError(f"{where}: {dict(written)} needs from <= to and a step above 0, and no scale")
    count = int((last - first) / step) + 1
    _check_count(count, where)
    whole = all(isinstance(written.get(name, 1), int) for name in ("from", "step"))
    return [int(first + i * step) if whole else float(first + i * step) for i in range(count)]


def _spread(written: Mapping[str, Any], where: str) -> list[Value]:
    first, last, count = written["from"], written["to"], written["count"]
    scale = written.get("scale", "linear")
    if not isinstance(count, int) or count < 2 or scale not in ("linear", "log") or first == last:
        raise SweepError(f"{where}: {dict(written)} needs a whole count of 2 or more, two ends, scale linear or log")
    _check_count(count, where)
    shares = [i / (count - 1) for i in range(count)]
    if scale == "linear":
        if math.isfinite(float(last) - float(first)):
            return [float(first + (last - first) * share) for share in shares]
        # The difference of the ends is too large for a float, but the values between the ends are not.
        return [first * (1 - share) + last * share for share in shares]
    if min(first, last) <= 0:
        raise SweepError(f"{where}: scale log needs both ends above 0, not {first} and {last}")
    # Both ends are taken as they are written, because computed values are rounded.
    if 0 < float(last) / float(first) < math.inf:
        inner = [float(first * (last / first) ** share) for share in shares[1:-1]]
    else:
        inner = [math.exp(math.log(first) * (1 - share) + math.log(last) * share) for share in shares[1:-1]]
    return [float(first), *inner, float(last)]


def _check_count(count: int, where: str) -> None:
    if count > MAX_VALUES:
        raise SweepError(f"{where}: a range of {count:,} values; at most {MAX_VALUES:,}: choose a larger step")
