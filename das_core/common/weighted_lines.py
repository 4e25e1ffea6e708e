"""What is asked for, written as text: a line each, then optionally ': weight'."""

import re
from collections.abc import Iterator

LARGEST_WEIGHT = 1e6
"""Beyond it float32 would lose what everything else says."""

_TIME = re.compile(r".*\d:\d.*")


def parse_weighted_lines(text: str, example: str, *, times: bool = False) -> Iterator[tuple[str, float]]:
    """Every line that is not blank: what stands before its last colon, and the weight behind it; 1 where there is none.

    With `times` a colon between two digits belongs to what is said ('a clock at 10:30', 'a film in 16:9'). ValueError
    names a weight that is no number, or too large a one; `example` shows how to write it.
    """
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, number = line.rpartition(":")
        if not colon or (times and _TIME.fullmatch(f"{name[-1:]}:{number}")):
            yield line, 1.0
            continue
        try:
            weight = float(number)
        except ValueError:
            raise ValueError(f"weight '{number.strip()}' in '{line}' is not a number; write '{example}'") from None
        check_weight(weight, f"'{line}'")
        yield name.strip(), weight


def parse_texts(text: str) -> list[str]:
    """The texts of lines with or without weights, each once. ValueError names a line without one."""
    texts = dict.fromkeys(name for name, _ in parse_weighted_lines(text, "a text: 0.5", times=True))
    if "" in texts:
        raise ValueError("a line has a weight and no text; write what to compare with, such as 'a castle'")
    if not texts:
        raise ValueError("no text is given; write a text a line, such as 'a castle'")
    return list(texts)


def check_weight(weight: float, where: str) -> None:
    """ValueError when a weight is no number, or beyond what can be counted with."""
    # Written so that NaN, which compares with nothing, is refused too.
    if not abs(weight) <= LARGEST_WEIGHT:
        raise ValueError(
            f"the weight {weight} of {where} is not between -{LARGEST_WEIGHT:g} and {LARGEST_WEIGHT:g}; try 1 or -0.5"
        )
