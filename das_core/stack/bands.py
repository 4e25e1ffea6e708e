"""Bands of resolutions, such as '17-64': ranges that select neighbouring levels of a stack."""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..common.scalars import as_list, as_whole
from ..common.text import shorten, unify_colons
from ..common.weighted_lines import parse_weighted_lines
from .bases import Basis

Band = tuple[int, int]
"""The coarsest and the finest resolution of a band, both included, in samples along the long side of the canvas."""

FINEST = 2**31
"""The upper end that is stored for a band without one, such as '65-'. It is finer than any level."""

_BAND = re.compile(r"(\d{0,9})\s*(?:([-\u2013])\s*(\d{0,9}))?")


class EmptyBandError(ValueError):
    """The error for a band that contains none of the levels of a stack."""


def parse_bands(text: str) -> tuple[Band, ...]:
    """Parse a list of bands, separated by commas, semicolons or line breaks.

    Args:
        text: bands such as '17-64' (from 17 to 64), '5' (only 5), '-16' (up to 16) and '65-' (65 and finer). Blank
            entries are skipped.

    Returns:
        The bands in the order of the text, each as (coarsest, finest), both included. A band without an upper end, such
        as '65-', has the finest resolution `FINEST` (2**31). Overlapping bands are not merged.

    Raises:
        ValueError: when an entry is not a band, begins below 1, or ends below its beginning.

    Example:
        >>> from das_core.stack.bands import parse_bands
        >>> parse_bands("17-64, 5, -16")
        ((17, 64), (5, 5), (1, 16))
    """
    return tuple(_parse_band(part) for part in re.split(r"[,;\n]", text) if part.strip())


def parse_gains(text: str) -> tuple[tuple[Band, float], ...]:
    """Parse a list of bands, each with a factor.

    Args:
        text: one band and its factor per line, such as '1-16: 0.5'. Blank lines are skipped.

    Returns:
        Pairs of a band and its factor, in the order of the lines.

    Raises:
        ValueError: when a line has no factor, a factor is not a number between -1e6 and 1e6, or the text before the
            factor is not a band.

    Example:
        >>> from das_core.stack.bands import parse_gains
        >>> parse_gains("1-16: 0.5\\n17: -1")
        (((1, 16), 0.5), ((17, 17), -1.0))
    """
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
    """Parse one band, or raise a ValueError that quotes it."""
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
    """Return bands of resolutions as tuples of two ints, or raise an error.

    Args:
        bands: any number of bands up to `longest`, in any order; they may overlap.
        longest: the long side of the canvas in pixels. The bands may be finer than it.

    Raises:
        ValueError: when there are too many bands, or a band is no pair of whole numbers that rise from 1 up.
    """
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
    """Return for every level whether it lies in any of the bands.

    Args:
        bands: the bands; without any, no level is selected.
        levels: the resolutions of a stack, coarse to fine.
        lack: what the error message says about a band that contains none of the levels.

    Raises:
        EmptyBandError: when a band contains none of the levels. It is a ValueError.
    """
    for band in bands:
        if not any(band[0] <= level <= band[1] for level in levels):
            raise EmptyBandError(
                f"the band '{format_band(band)}' {lack}: there are {len(levels)}, from {levels[0]} to {levels[-1]}"
            )
    return [any(low <= level <= high for low, high in bands) for level in levels]


def combine_gains(
    gains: Sequence[tuple[Band, float]], levels: Sequence[int], lack: str = "holds no level"
) -> list[float]:
    """Return for every level the product of the factors of all bands that contain it; 1 for a level in no band.

    Args:
        gains: bands and their factors.
        levels: the resolutions of a stack, coarse to fine.
        lack: what the error message says about a band that contains none of the levels.

    Raises:
        EmptyBandError: when a band contains none of the levels. It is a ValueError.

    Example:
        >>> from das_core.stack.bands import combine_gains
        >>> combine_gains([((1, 4), 0.5), ((4, 8), 3.0)], levels=[1, 4, 16])
        [0.5, 1.5, 1.0]
    """
    factors = [1.0] * len(levels)
    for band, gain in gains:
        chosen = select_levels([band], levels, lack)
        factors = [factor * gain if inside else factor for factor, inside in zip(factors, chosen, strict=True)]
    return factors


def group_into_octaves(levels: Sequence[int], most: int) -> list[list[int]]:
    """Group levels into octaves (1, 2-3, 4-7, 8-15 and so on), unless they are few.

    Args:
        levels: the resolutions of a stack, coarse to fine.
        most: the largest number of levels that are not grouped into octaves. If there are at most this many levels,
            each level is a group of its own.

    Returns:
        The groups, coarse to fine; each is a list of the indices (from 0) that its levels have in `levels`.
    """
    if len(levels) <= most:
        return [[number] for number in range(len(levels))]
    groups: dict[int, list[int]] = {}
    for number, level in enumerate(levels):
        groups.setdefault(level.bit_length(), []).append(number)
    return list(groups.values())


def covers_all_resolutions(bands: Sequence[Band], longest: int) -> bool:
    """Return whether bands together contain every resolution from 1 to `longest`, the long side of a canvas."""
    covered = 0
    for low, high in sorted(bands):
        if low > covered + 1:
            break
        covered = max(covered, high)
    return covered >= longest


def mask_moving_frequencies(basis: Basis, frozen: Sequence[Band]) -> Tensor:
    """Return which frequencies of a canvas still move when bands of resolutions are frozen.

    A wave with n half-waves across an axis needs n + 1 samples along that axis. A frequency belongs to the coarsest
    resolution that has enough samples for it along both axes. It is frozen when a frozen band contains that resolution.

    Args:
        basis: the frequency basis of the canvas.
        frozen: the frozen bands.

    Returns:
        A response for `Basis.filter`, float32: 0 for frozen frequencies, 1 for all others.
    """
    longest = max(basis.height, basis.width)
    rows = (basis.row_waves.abs() + 1) * (longest / basis.height)
    columns = (basis.column_waves.abs() + 1) * (longest / basis.width)
    # 1e-3 is subtracted before rounding up, because a rounding error of float32 could add a sample. If a side of a tile
    # has an even number n of samples, its finest wave has n half-waves and would need n + 1 samples; the clamp assigns
    # this wave to the finest resolution.
    needed = (torch.maximum(rows[:, None], columns[None, :]) - 1e-3).ceil().clamp(max=longest)
    moving = torch.ones_like(needed)
    for low, high in frozen:
        moving[(needed >= low) & (needed <= high)] = 0
    return moving
