"""Positions and directions in a layer, read from text, as users write them for a `feature_objective`."""

import re

from ..common.text import shorten
from ..common.weighted_lines import parse_weighted_lines


def parse_position(text: str) -> tuple[int, ...] | None:
    """Read a position: '0' is a token, '3, 5' or '3 5' a row and a column, and nothing the middle (None)."""
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
    """Read pairs of a channel and its share from lines 'channel: share' (1 without one); equal channels add up."""
    shares: dict[int, float] = {}
    for name, share in parse_weighted_lines(text, "12: 0.5"):
        if not re.fullmatch(r"-?\d{1,9}", name):
            raise ValueError(f"channel '{shorten(name, 40)}' is not a whole number; write '12' or '12: 0.5'")
        shares[int(name)] = shares.get(int(name), 0.0) + share
    return tuple(shares.items())
