"""Lists of names or texts with weights, one per line, written as `name: weight` or `(name:weight)`."""

import re
from collections.abc import Iterator

from .interruption import pausing
from .text import shorten, unify_colons

LARGEST_WEIGHT = 1e6  # With a larger one, float32 would round away the other terms of a sum.

_OPENING, _CLOSING, _MINUSES = "(\uff08", ")\uff09", str.maketrans("\u2212\u2013", "--")

# Also nan, inf and numbers with a decimal comma, which would otherwise be a part of the name without notice.
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|\d+,\d+|nan|inf)", flags=re.IGNORECASE)
_LONGEST_NUMBER = 40


def parse_weighted_lines(text: str, example: str = "", *, times: bool = False) -> Iterator[tuple[str, float]]:
    """Yield the name and the weight of every line: 'name', 'name: 0.5' or '(name:0.5)'; of ': 0.5' the name is ''. With
    an `example`, which errors show, no name can contain a colon; without one, a colon that no number follows belongs to
    the name. With `times`, so does a colon between two digits, as in "at 10:30"."""
    for line in pausing(filter(None, map(str.strip, text.splitlines()))):
        found = _find_weight(line, times)
        if found is None:
            _, colon, number = unify_colons(line).rpartition(":")
            if colon and example:
                raise ValueError(
                    f"weight '{shorten(number.strip(), 40)}' in '{shorten(line)}' is not a number; write '{example}'"
                )
            yield line, 1.0
            continue
        name, number = found
        if "," in number:
            point = number.replace(",", ".")
            raise ValueError(f"weight '{number}' in '{shorten(line)}' has a decimal comma; write '{point}'")
        weight = float(number)
        check_weight(weight, f"'{shorten(line)}'")
        yield name, weight


def _find_weight(line: str, times: bool) -> tuple[str, str] | None:
    """Return the text before the last colon of a line and the number after it; None if the line has no weight."""
    if line[0] in _OPENING and line[-1] in _CLOSING and _is_balanced(line[1:-1]):
        line = line[1:-1]
    place = unify_colons(line).rfind(":")
    name, behind = line[: max(place, 0)], line[place + 1 :]
    number = behind.strip().translate(_MINUSES)
    if place < 0 or len(number) > _LONGEST_NUMBER or not _NUMBER.fullmatch(number):
        return None
    if times and name[-1:].isdecimal() and behind[0].isdecimal():
        return None
    return name.strip(), number


def _is_balanced(text: str) -> bool:
    """Return whether every parenthesis in a text has its partner in the text."""
    depth = 0
    for letter in text:
        depth += (letter in _OPENING) - (letter in _CLOSING)
        if depth < 0:
            return False
    return depth == 0


def parse_texts(text: str) -> list[str]:
    """Return the texts of lines with or without weights, each text once, in their order."""
    texts = dict.fromkeys(name for name, _ in parse_weighted_lines(text, times=True))
    if "" in texts:
        raise ValueError("a line has a weight and no text; write what to compare with, such as 'a castle'")
    if not texts:
        raise ValueError("no text is given; write a text a line, such as 'a castle'")
    return list(texts)


def check_weight(weight: float, where: str) -> None:
    """Raise a ValueError unless a weight of `where` is a number of at most `LARGEST_WEIGHT`."""
    # With `not`, NaN is refused too: every comparison with NaN is False.
    if not abs(weight) <= LARGEST_WEIGHT:
        raise ValueError(
            f"the weight {weight} of {where} is not between -{LARGEST_WEIGHT:g} and {LARGEST_WEIGHT:g}; try 1 or -0.5"
        )
