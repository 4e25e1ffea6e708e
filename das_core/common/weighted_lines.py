"""Lists of names or texts with weights, written one a line as `name: weight`."""

import re
from collections.abc import Iterator

LARGEST_WEIGHT = 1e6
"""With a larger weight, float32 would round away what all other terms of a sum contribute."""

_TIME = re.compile(r".*\d:\d.*")


def parse_weighted_lines(text: str, example: str, *, times: bool = False) -> Iterator[tuple[str, float]]:
    """Yield the name and the weight of every line that is not blank.

    The weight stands behind the last colon of a line; a line without a colon has the weight 1.

    Args:
        text: the lines. Blanks around a name or a weight do not count.
        example: a line as it should be, which errors show.
        times: whether a colon between two digits belongs to the name, as in "a clock at 10:30" or "a film in 16:9".

    Raises:
        ValueError: when a weight is not a number, or is too large. As in any generator, while it is iterated over.

    Example:
        >>> from das_core.common.weighted_lines import parse_weighted_lines
        >>> list(parse_weighted_lines("jellyfish\\ngoldfish: 0.5", example="name: 0.5"))
        [('jellyfish', 1.0), ('goldfish', 0.5)]
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
    """Return the texts of lines with or without weights, each text once, in their order.

    Args:
        text: the lines, as `parse_weighted_lines` takes them; a colon between two digits belongs to the text.

    Raises:
        ValueError: when there is no text at all, a line has a weight and no text, or a weight is not a number or too
            large.

    Example:
        >>> from das_core.common.weighted_lines import parse_texts
        >>> parse_texts("a castle: 2\\na clock at 10:30\\na castle")
        ['a castle', 'a clock at 10:30']
    """
    texts = dict.fromkeys(name for name, _ in parse_weighted_lines(text, "a text: 0.5", times=True))
    if "" in texts:
        raise ValueError("a line has a weight and no text; write what to compare with, such as 'a castle'")
    if not texts:
        raise ValueError("no text is given; write a text a line, such as 'a castle'")
    return list(texts)


def check_weight(weight: float, where: str) -> None:
    """Raise an error when a weight is not a number, or larger than `LARGEST_WEIGHT` in size.

    Args:
        weight: the weight.
        where: what it is the weight of, such as "the objective", which the error names.

    Raises:
        ValueError: when the weight is NaN, infinite or too large.
    """
    # Written so that NaN, which compares with nothing, is refused too.
    if not abs(weight) <= LARGEST_WEIGHT:
        raise ValueError(
            f"the weight {weight} of {where} is not between -{LARGEST_WEIGHT:g} and {LARGEST_WEIGHT:g}; try 1 or -0.5"
        )
