"""Bands of resolutions, such as '17-64': ranges that select neighbouring levels of a stack."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from torch import Tensor

from ..common.scalars import as_list, as_whole
from ..common.text import shorten, unify_colons
from ..common.weighted_lines import parse_weighted_lines
from .bases import Basis

Band = tuple[int, int]  # Coarsest and finest resolution, both included, in samples along the long side of the canvas.
FINEST = 2**31  # The upper end of a band without one, such as '65-'.

_BAND = re.compile(r"(\d{0,9})\s*(?:([-\u2013])\s*(\d{0,9}))?")


class EmptyBandError(ValueError):
    """The error for a band that contains none of the levels of a stack."""


def parse_bands(text: str) -> tuple[Band, ...]:
    """Parse a list of bands, separated by commas, semicolons or line breaks."""
    return tuple(_parse_band(part) for part in re.split(r"[,;\n]", text) if part.strip())


def parse_gains(text: str) -> tuple[tuple[Band, float], ...]:
    """Parse a list of bands, each with a factor."""
    for line in text.splitlines():
        if line.strip() and ":" not in unify_colons(line):
            raise ValueError(
                f"the line '{shorten(line)}' has no factor; write a band and a factor, such as '1-16: 0.5'"
            )
    return tuple((_parse_band(name), gain) for name, gain in parse_weighted_lines(text, "1-16: 0.5"))


def format_band(band: Band) -> str:
    """Return a band as text that `parse_bands` reads, such as '17-64', '5' or '65-'."""
    low, high = band
    return f"{low}-" if high == FINEST else str(low) if low == high else f"{low}-{high}"


def _parse_band(text: str) -> Band:
    found = _BAND.fullmatch(text.strip())
    if found is None or not (found[1] or found[3]):
        raise ValueError(f"the band '{shorten(text)}' is none; write resolutions such as '17-64', '-16', '65-' or '5'")
    low, dash, high = found.groups()
    first = int(low or 1)
    band = first, first if dash is None else int(high) if high else FINEST
    if not 1 <= band[0] <= band[1]:
        raise ValueError(f"the band '{shorten(text)}' holds nothing: it has to rise, from 1 up, as in '17-64'")
    return band


def check_bands(bands: Iterable[Band], longest: int) -> tuple[Band, ...]:
    """Return bands of resolutions as tuples of two ints, or raise an error."""
    given = as_list("frozen", bands, "((1, 16),)")
    if len(given) > longest:
        raise ValueError(f"{len(given)} frozen bands are more than the {longest} resolutions of the canvas; give fewer")
    checked = []
    for band in given:
        ends = [as_whole(end) for end in as_list("the frozen band", band, "(17, 64)")]
        low, high = ends if len(ends) == 2 else (None, None)
        if low is None or high is None or not 1 <= low <= high <= FINEST:
            raise ValueError(
                f"the frozen band {shorten(band)} is no pair of resolutions that rise from 1 up; give its coarsest and "
                "its finest, such as (17, 64)"
            )
        checked.append((low, high))
    return tuple(checked)


def select_levels(bands: Sequence[Band], levels: Sequence[int], lack: str = "holds no level") -> list[bool]:
    """Return for every level whether it lies in any of the bands."""
    for band in bands:
        if not any(band[0] <= level <= band[1] for level in levels):
            raise EmptyBandError(
                f"the band '{format_band(band)}' {lack}: there are {len(levels)}, from {levels[0]} to {levels[-1]}"
            )
    return [any(low <= level <= high for low, high in bands) for level in levels]


def combine_gains(
    gains: Sequence[tuple[Band, float]], levels: Sequence[int], lack: str = "holds no level"
) -> list[float]:
    """Return for every level the product of the factors of all bands that contain it; 1 for a level in no band."""
    factors = [1.0] * len(levels)
    for band, gain in gains:
        chosen = select_levels([band], levels, lack)
        factors = [factor * gain if inside else factor for factor, inside in zip(factors, chosen, strict=True)]
    return factors


def group_into_octaves(levels: Sequence[int], most: int) -> list[list[int]]:
    """Group levels into octaves (1, 2-3, 4-7, 8-15 and so on), unless they are few."""
    if len(levels) <= most:
        return [[number] for number in range(len(levels))]
    return [list(group) for _, group in groupby(range(len(levels)), lambda number: levels[number].bit_length())]


def covers_all_resolutions(bands: Sequence[Band], longest: int) -> bool:
    """Return whether bands together contain every resolution from 1 to `longest`, the long side of a canvas."""
    covered = 0
    for low, high in sorted(bands):
        if low <= covered + 1:
            covered = max(covered, high)
    return covered >= longest


def mask_moving_frequencies(basis: Basis, frozen: Sequence[Band]) -> Tensor:
    """Return which frequencies of a canvas still move when bands of resolutions are frozen."""
    longest = max(basis.height, basis.width)
    rows = (basis.row_waves.abs() + 1) * (longest / basis.height)
    columns = (basis.column_waves.abs() + 1) * (longest / basis.width)
    # Less 1e-3 for rounding; the clamp is for the finest wave of a tile with an even side of n, which would need n + 1.
    needed = (torch.maximum(rows[:, None], columns[None, :]) - 1e-3).ceil().clamp(max=longest)
    moving = torch.ones_like(needed)
    for low, high in frozen:
        moving[(needed >= low) & (needed <= high)] = 0
    return moving
