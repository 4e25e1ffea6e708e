"""Positions and directions in a layer, read from text, as users write them for a `feature_objective`."""

import re

from ..common.text import shorten
from ..common.weighted_lines import parse_weighted_lines


def parse_position(text: str) -> tuple[int, ...] | None:
    """Read the position of a neuron from text.

    Args:
        text: the number of a token, such as '0'; or a row and a column with a comma or a space between them, such as
            '3, 5'; or nothing.

    Returns:
        (token,) or (row, column); None, which stands for the middle, if the text is blank.

    Raises:
        ValueError: when an item is not a whole number. The number of items is not checked here.

    Example:
        >>> parse_position("3, 5"), parse_position("")
        ((3, 5), None)
    """
    parts = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    if not parts:
        return None
    if not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise ValueError(
            f"position '{shorten(text, 40)}' is not one or two whole numbers; write a token, such as '0', a row and a "
            "column, such as '3, 5', or nothing for the middle"
        )
    return tuple(map(int, parts))


def parse_direction(text: str) -> tuple[tuple[int, float], ...]:
    """Read a direction in the space of the channels of a layer from text.

    The share of a channel is the component of the direction along this channel.

    Args:
        text: one channel per line, optionally followed by ': share'; without it the share is 1.

    Returns:
        Pairs of a channel and its share, in the order of the text. A channel that is written twice has the sum of its
        shares.

    Raises:
        ValueError: when a channel is not a whole number, or a share is not a number, not finite or too large.

    Example:
        >>> parse_direction("12: 0.5\\n40: -1")
        ((12, 0.5), (40, -1.0))
    """
    shares: dict[int, float] = {}
    for name, share in parse_weighted_lines(text, "12: 0.5"):
        if not re.fullmatch(r"-?\d{1,9}", name):
            raise ValueError(f"channel '{shorten(name, 40)}' is not a whole number; write '12' or '12: 0.5'")
        shares[int(name)] = shares.get(int(name), 0.0) + share
    return tuple(shares.items())
