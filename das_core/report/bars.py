"""Bar charts with names of any length: a name is written over its bar, so that both have the width of the chart."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from ..common.text import truncate
from .chart import DOTS_PER_INCH, GREY, LIGHT_BLUE, LIGHT_RED, TEXT_SIZE, WIDTH, choose_fonts, new_figure, render_figure

# In inches.
_EDGE = 0.05
_TITLE_HEIGHT = 0.2
_LINE_HEIGHT = 1.2 * TEXT_SIZE / 72
_ROW_PADDING, _ROW_GAP = 0.015, 0.02
_VALUE_WIDTH = 0.55

_MAX_LINES = 2
_MAX_TITLE = 44


def wrap_names(names: Sequence[str]) -> list[str]:
    """Break names into lines that leave room for a value beside them; what is longer than two lines is cut.

    Args:
        names: any texts.

    Returns:
        The names, with a line break or none.
    """
    return [_wrap(name) for name in names]


def _wrap(name: str) -> str:
    allow_interrupt()
    text = " ".join(name.split())
    if not text:
        return ""
    font = get_font([findfont(FontProperties(family=name)) for name in choose_fonts()])
    font.set_size(TEXT_SIZE, DOTS_PER_INCH)
    font.set_text(text)
    # The font measures in sixty-fourths of a pixel.
    needed = font.get_width_height()[0] / 64 / DOTS_PER_INCH
    room = WIDTH - 3 * _EDGE - _VALUE_WIDTH
    # Lines are not equally wide: those with more wide letters than others are let in, too.
    length = len(text) if needed <= room else max(1, int(0.93 * len(text) * room / needed))
    return "\n".join(textwrap.wrap(text, length, max_lines=_MAX_LINES, placeholder="…"))


def estimate_chart_bytes(charts: int, bars: int) -> int:
    """Return an upper bound of the bytes that charts take: singly, joined, and copied to another order of the channels.

    Args:
        charts: the number of charts.
        bars: the number of bars in each chart.
    """
    height = _TITLE_HEIGHT + bars * (_LINE_HEIGHT * _MAX_LINES + 2 * _ROW_PADDING + _ROW_GAP) + _EDGE
    return int(3 * charts * 4 * 3 * WIDTH * height * DOTS_PER_INCH**2)


def plot_bars(
    bars: Sequence[tuple[str, float]],
    title: str,
    highest: float = 1.0,
    lowest: float = 0.0,
    written: Callable[[float], str] = "{:.1%}".format,
    lines: Sequence[int] | None = None,
) -> Tensor:
    """Draw a horizontal bar chart; bars below 0 go to the left of a line, in another colour.

    Args:
        bars: names and values, from the top down. A long name takes two lines; what is longer is cut.
        title: the line above the chart.
        highest: the right end of the scale, above 0.
        lowest: the left end of the scale, at most 0.
        written: turns a value into the text beside its bar.
        lines: the number of lines that each row has room for, so that several charts have one height; None for those
            that the names take.

    Returns:
        The chart (1, 3, H, W), 0..1; its height depends on the number of lines of the names.

    Example:
        >>> from das_core.report.bars import plot_bars
        >>> plot_bars([("stingray", 0.75), ("shark", 0.1)], "my classifier").shape
        torch.Size([1, 3, 123, 600])
    """
    names = wrap_names([name for name, _ in bars])
    heights = [
        _LINE_HEIGHT * count + 2 * _ROW_PADDING + _ROW_GAP
        for count in lines or [1 + name.count("\n") for name in names]
    ]
    height = _TITLE_HEIGHT + sum(heights) + _EDGE
    figure = new_figure(height)
    figure.set_layout_engine("none")  # all places are given here
    figure.text(0.5, 1 - _TITLE_HEIGHT / 2 / height, truncate(title, _MAX_TITLE), **_text("center"))
    axes = figure.add_axes((_EDGE / WIDTH, _EDGE / height, 1 - 2 * _EDGE / WIDTH, sum(heights) / height))
    axes.set_axis_off()
    # On a scale without negative values numbers stand on the bars. With them they have a column of their own: the line
    # at 0 would run through a minus sign, and a long bar without a number on it would look like the best.
    column = (highest - lowest) * _VALUE_WIDTH / (WIDTH - 2 * _EDGE - _VALUE_WIDTH) if lowest < 0 else 0.0
    axes.set_xlim(lowest, highest + column)
    axes.set_ylim(sum(heights), 0)
    if lowest < 0:
        axes.axvline(0, color=GREY, linewidth=0.5)
    # Positions across are shares of the width of the chart; positions down are in inches, as the rows are.
    across = axes.get_yaxis_transform()
    top = 0.0
    for name, (_, value), row in pausing(zip(names, bars, heights, strict=True)):
        middle = top + row / 2
        axes.barh(middle, value, row - _ROW_GAP, color=LIGHT_BLUE if value >= 0 else LIGHT_RED)
        axes.text(0.01, middle, name, transform=across, **_text("left"))
        axes.text(0.99, middle, written(value), transform=across, **_text("right"))
        top += row
    return render_figure(figure)


def _text(side: str) -> dict[str, Any]:
    """Return matplotlib's settings for a text that is aligned to a side. A '$' in a name does not begin a formula."""
    return {"ha": side, "va": "center", "fontsize": TEXT_SIZE, "linespacing": 1.1, "parse_math": False}
