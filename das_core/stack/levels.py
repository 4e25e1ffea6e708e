"""The resolutions that a stack is made of, and their gains."""

from collections.abc import Iterable, Sequence

from ..common.geometry import Shape
from ..common.scalars import as_list, as_number, as_whole
from ..common.text import shorten

LARGEST_GAIN = 1e6
"""The largest gain of a level; the smallest is 1 / LARGEST_GAIN. K contains the squares of the gains, which must stay
far from the limits of float32 (3e38 and 1e-38)."""


def linear_levels(longest: int, step: int, first: int = 1) -> tuple[int, ...]:
    """Return every `step`-th resolution from `first` to the long side of the canvas.

    A step of 4 on a canvas of 336 pixels gives the 84 levels 1, 5, 9, … 333 with which Direct Ascent Synthesis was
    first shown. A level of one sample moves the whole canvas at once: with these 84 levels, K is 14 times as large at
    frequency 0 as at the next frequency, and every picture gets a colour cast. With `first` at 2 or more there is no
    level of one sample; with `first` at 4, K is about equal at both frequencies.

    Args:
        longest: the long side of the canvas in pixels, margins included.
        step: the distance between neighbouring levels, from 1 (all resolutions) to `longest`.
        first: the coarsest level, from 1 to `longest`.

    Returns:
        Resolutions from `first` to at most `longest`, rising.

    Raises:
        ValueError: when `step` or `first` is not between 1 and `longest`.

    Example:
        >>> from das_core.stack import linear_levels
        >>> linear_levels(longest=48, step=8)
        (1, 9, 17, 25, 33, 41)
        >>> linear_levels(longest=48, step=8, first=8)
        (8, 16, 24, 32, 40, 48)
    """
    if not 1 <= step <= longest:
        raise ValueError(f"step {step} is not between 1 and {longest} (the long side of the canvas); try 4")
    if not 1 <= first <= longest:
        raise ValueError(f"the first level {first} is not between 1 and {longest} (the long side of the canvas); try 4")
    return tuple(range(first, longest + 1, step))


def default_levels(canvas: Shape) -> tuple[int, ...]:
    """Return the levels of a stack for which none are given: the multiples of 4 up to the long side of the canvas.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
    """
    return linear_levels(max(canvas), 4, first=4)


def power_levels(longest: int) -> tuple[int, ...]:
    """Return the powers of two below the length of the long side of the canvas, and that length itself.

    The last level has as many samples as the canvas, so that the finest detail has a level too.

    Args:
        longest: the long side of the canvas in pixels, margins included, from 1 up.

    Example:
        >>> from das_core.stack import power_levels
        >>> power_levels(longest=48)
        (1, 2, 4, 8, 16, 32, 48)
    """
    powers = []
    resolution = 1
    while resolution < longest:
        powers.append(resolution)
        resolution *= 2
    return (*powers, longest)


def parse_levels(text: str) -> tuple[int, ...]:
    """Parse a list of resolutions, without checking whether they fit a canvas (see `check_levels`).

    Args:
        text: whole numbers, separated by commas, semicolons, blanks or line breaks.

    Returns:
        The numbers in the order of the text.

    Raises:
        ValueError: when a word is not a whole number.
    """
    levels = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            levels.append(int(word))
        except ValueError:
            raise ValueError(
                f"level '{shorten(word)}' is not a whole number; write resolutions such as '1, 4, 16, 64'"
            ) from None
    return tuple(levels)


def check_levels(levels: Iterable[int], longest: int) -> list[int]:
    """Return levels as a list of ints in the given order, or raise an error when a canvas cannot have them.

    Args:
        levels: resolutions in any order.
        longest: the long side of the canvas in pixels, margins included.

    Raises:
        ValueError: when there is no level, or a level is not a whole number from 1 to `longest`.
    """
    given = as_list("levels", levels, "(1, 4, 16, 64)")
    if not given:
        raise ValueError("the list of levels is empty; give at least one resolution, such as '1, 4, 16, 64'")
    checked = []
    for value in given:
        level = as_whole(value)
        if level is None or not 1 <= level <= longest:
            raise ValueError(
                f"level {shorten(value)} is not a whole number from 1 to {longest}, the long side of the canvas "
                "(margins included); take it out, or make the canvas larger"
            )
        checked.append(level)
    return checked


def sort_gains(gains: Iterable[float] | None, levels: Sequence[int]) -> tuple[float, ...]:
    """Return the gains of levels, one for each distinct resolution, coarse to fine, or raise an error.

    Args:
        gains: one for each level, in the order of `levels`. If `levels` contains a resolution twice: one for each
            distinct resolution, coarse to fine. All 1 if None.
        levels: resolutions in any order, as `check_levels` returns them.

    Raises:
        ValueError: when there are not as many gains as distinct resolutions, or a gain is not between 1e-6 and 1e6.
    """
    count = len(set(levels))
    given = [1.0] * count if gains is None else as_list("gains", gains, "(1, 0.5, 2)")
    numbers = [number for gain in given if (number := as_number(gain)) is not None]
    if len(numbers) == len(levels):
        # Each level keeps its gain when the levels are put in order.
        numbers = [gain for _, gain in sorted(zip(levels, numbers, strict=True), key=lambda pair: pair[0])]
    if not len(numbers) == len(given) == count or not all(1 / LARGEST_GAIN <= gain <= LARGEST_GAIN for gain in numbers):
        raise ValueError(
            f"gains {shorten(gains)} do not fit: {count} numbers between {1 / LARGEST_GAIN:g} and "
            f"{LARGEST_GAIN:g} are needed"
        )
    return tuple(numbers)


def level_shape(level: int, canvas: Shape) -> Shape:
    """Return the height and width of a level in samples.

    Args:
        level: the resolution: the number of samples along the long side of the canvas. The number along the short side
            is in proportion, rounded, and at least 1.
        canvas: height and width of the canvas in pixels, margins included.
    """
    height, width = canvas
    longest = max(height, width)
    return max(1, round(level * height / longest)), max(1, round(level * width / longest))
