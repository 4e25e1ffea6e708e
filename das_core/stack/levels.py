"""The resolutions that a stack is made of."""

from collections.abc import Iterable

from ..common.geometry import Shape
from ..common.scalars import as_list, as_whole
from ..common.text import shorten


def linear_levels(longest: int, step: int, first: int = 1) -> tuple[int, ...]:
    """Return every `step`-th resolution from `first` to the long side of the canvas."""
    if not 1 <= step <= longest:
        raise ValueError(f"step {step} is not between 1 and {longest} (the long side of the canvas); try 4")
    if not 1 <= first <= longest:
        raise ValueError(f"the first level {first} is not between 1 and {longest} (the long side of the canvas); try 4")
    return tuple(range(first, longest + 1, step))


def default_levels(canvas: Shape) -> tuple[int, ...]:
    """Return the levels of a stack for which none are given: the multiples of 4 up to the long side of the canvas."""
    # A level of one sample would move the whole canvas at once, which gives every picture a colour cast.
    return linear_levels(max(canvas), 4, first=4)


def power_levels(longest: int) -> tuple[int, ...]:
    """Return the powers of two below the length of the long side of the canvas, and that length itself."""
    powers = []
    resolution = 1
    while resolution < longest:
        powers.append(resolution)
        resolution *= 2
    return (*powers, longest)


def parse_levels(text: str) -> tuple[int, ...]:
    """Parse resolutions, separated by commas, semicolons, blanks or line breaks; `check_levels` checks them."""
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
    """Return levels as a list of ints in the given order, or raise an error when a canvas cannot have them."""
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


def level_shape(level: int, canvas: Shape) -> Shape:
    """Return height and width of a level in samples: `level` along the long side of the canvas, at least 1."""
    height, width = canvas
    longest = max(height, width)
    return max(1, round(level * height / longest)), max(1, round(level * width / longest))
