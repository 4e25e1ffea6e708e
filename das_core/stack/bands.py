"""Bands of resolutions: some neighbouring levels of a stack, written as '17-64'."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.weighted_lines import parse_weighted_lines
from .bases import Basis

Band = tuple[int, int]
"""The coarsest and the finest resolution, along the long side of the canvas in samples, both included."""

FINEST = 2**31
"""The end of a band that has none."""

_BAND = re.compile(r"(\d{0,9})\s*(?:([-\u2013])\s*(\d{0,9}))?")


class EmptyBandError(ValueError):
    """A band that holds none of the levels of a stack."""


def parse_bands(text: str) -> tuple[Band, ...]:
    """Bands apart by commas or lines: '5', '17-64', '-16' (up to 16), '65-' (from 65 to the finest)."""
    return tuple(_parse_band(part) for part in re.split(r"[,;\n]", text) if part.strip())


def parse_gains(text: str) -> tuple[tuple[Band, float], ...]:
    """Bands with a factor each, one a line: '1-16: 0.5'."""
    for line in text.splitlines():
        if line.strip() and ":" not in line:
            raise ValueError(f"the line '{line.strip()}' has no factor; write a band and a factor, such as '1-16: 0.5'")
    return tuple((_parse_band(name), gain) for name, gain in parse_weighted_lines(text, "1-16: 0.5"))


def format_band(band: Band) -> str:
    """A band as people write it."""
    low, high = band
    return f"{low}-" if high == FINEST else str(low) if low == high else f"{low}-{high}"


def _parse_band(text: str) -> Band:
    found = _BAND.fullmatch(text.strip())
    if found is None or not (found[1] or found[3]):
        raise ValueError(f"the band '{text.strip()}' is none; write resolutions such as '17-64', '-16', '65-' or '5'")
    low, dash, high = found.groups()
    first = int(low or 1)
    band = first, first if dash is None else int(high) if high else FINEST
    if not 1 <= band[0] <= band[1]:
        raise ValueError(f"the band '{text.strip()}' holds nothing: it has to rise, from 1 up, as in '17-64'")
    return band


def select_levels(bands: Sequence[Band], levels: Sequence[int]) -> list[bool]:
    """Which levels lie in any of the bands; ValueError for a band that holds none of them."""
    for band in bands:
        if not any(band[0] <= level <= band[1] for level in levels):
            raise EmptyBandError(
                f"the band '{format_band(band)}' holds no level: there are {len(levels)}, from {levels[0]} to "
                f"{levels[-1]}"
            )
    return [any(low <= level <= high for low, high in bands) for level in levels]


def group_into_octaves(levels: Sequence[int], most: int) -> list[list[int]]:
    """The numbers of the levels, each by itself if they are at most `most`, else grouped into octaves."""
    if len(levels) <= most:
        return [[number] for number in range(len(levels))]
    groups: dict[int, list[int]] = {}
    for number, level in enumerate(levels):
        groups.setdefault(level.bit_length(), []).append(number)
    return list(groups.values())


def cover_everything(bands: Sequence[Band], longest: int) -> bool:
    """Whether the bands hold every resolution there is."""
    return all(any(low <= level <= high for low, high in bands) for level in range(1, longest + 1))


def mask_moving_frequencies(basis: Basis, frozen: Sequence[Band]) -> Tensor:
    """A response over the frequencies of a canvas: 0 where a level of a frozen band is the first to show them."""
    longest = max(basis.height, basis.width)
    rows = (basis.row_waves.abs() + 1) * (longest / basis.height)
    columns = (basis.column_waves.abs() + 1) * (longest / basis.width)
    # A wave more than half-waves is needed; rounded up, but not because of what float32 adds.
    needed = (torch.maximum(rows[:, None], columns[None, :]) - 1e-3).ceil()
    moving = torch.ones_like(needed)
    for low, high in frozen:
        moving[(needed >= low) & (needed <= high)] = 0
    return moving
