"""Which resolutions a stack is made of."""

from collections.abc import Sequence

from ..common.geometry import Shape


def linear_levels(longest: int, step: int) -> tuple[int, ...]:
    """Every `step`-th resolution from 1 up to `longest` (the long side of the canvas, pixels).

    Step 4 on a canvas of 336 gives the 84 levels 1, 5, 9, … 333 of the seed of Direct Ascent Synthesis.
    """
    if not 1 <= step <= longest:
        raise ValueError(f"step {step} is not between 1 and {longest} (the long side of the canvas); try 4")
    return tuple(range(1, longest + 1, step))


def power_levels(longest: int) -> tuple[int, ...]:
    """1, 2, 4, 8, … and the long side of the canvas itself, so that the finest detail has a level of its own."""
    powers = []
    resolution = 1
    while resolution < longest:
        powers.append(resolution)
        resolution *= 2
    return (*powers, longest)


def parse_levels(text: str) -> tuple[int, ...]:
    """Resolutions written as numbers apart by commas, spaces or lines; ValueError names the word that is no number."""
    levels = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            levels.append(int(word))
        except ValueError:
            raise ValueError(
                f"level '{word}' is not a whole number; write resolutions such as '1, 4, 16, 64'"
            ) from None
    return tuple(levels)


def check_levels(levels: Sequence[int], longest: int) -> tuple[int, ...]:
    """The levels in rising order, each once; ValueError when there is none or one does not fit the canvas."""
    if not levels:
        raise ValueError("the list of levels is empty; give at least one resolution, such as '1, 4, 16, 64'")
    for level in levels:
        if not 1 <= level <= longest:
            raise ValueError(
                f"level {level} is not between 1 and {longest}, the long side of the canvas (margins included); "
                "take it out, or make the canvas larger"
            )
    return tuple(sorted(set(levels)))


def level_shape(level: int, canvas: Shape) -> Shape:
    """Height and width of a level: `level` samples along the long side of the canvas, in proportion on the other."""
    height, width = canvas
    longest = max(height, width)
    return max(1, round(level * height / longest)), max(1, round(level * width / longest))
