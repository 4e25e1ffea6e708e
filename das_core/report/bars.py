"""Bar charts with long names: a name is written on its bar, not beside it, so names take no width from the bars."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from ..common.text import truncate
from .chart import DOTS_PER_INCH, GREY, LIGHT_BLUE, LIGHT_RED, TEXT_SIZE, WIDTH, choose_fonts, new_figure, render_figure

# In inches. Lines of text are 1.2 times the text size apart; the text size is in points, and an inch has 72 points.
_EDGE = 0.05
_TITLE_HEIGHT = 0.2
_LINE_HEIGHT = 1.2 * TEXT_SIZE / 72
_ROW_PADDING, _ROW_GAP = 0.015, 0.02
_VALUE_WIDTH = 0.55

_MAX_LINES = 2
_MAX_TITLE = 44


def wrap_names(names: Sequence[str]) -> list[str]:
    """Break names into at most two lines that leave room for a value beside them; a longer name is cut."""
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
    # `textwrap` limits the number of letters in a line, not its width. A line may have more wide letters than the name
    # has on average, so the limit is 7 % lower than the average width of a letter would allow.
    length = len(text) if needed <= room else max(1, int(0.93 * len(text) * room / needed))
    return "\n".join(textwrap.wrap(text, length, max_lines=_MAX_LINES, placeholder="…"))


def estimate_chart_bytes(charts: int, bars: int) -> int:
    """Return an upper bound of the bytes that charts of so many bars take, in float32, three copies of each."""
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
    """Draw a horizontal bar chart (1, 3, H, W), 0..1, with names and values from the top down.

    `lines` has, for each bar, the lines of text that its row has room for; charts with equal `lines` are equally high.
    """
    names = wrap_names([name for name, _ in bars])
    heights = [
        _LINE_HEIGHT * count + 2 * _ROW_PADDING + _ROW_GAP
        for count in lines or [1 + name.count("\n") for name in names]
    ]
    height = _TITLE_HEIGHT + sum(heights) + _EDGE
    figure = new_figure(height)
    figure.set_layout_engine("none")  # all positions are set below
    figure.text(0.5, 1 - _TITLE_HEIGHT / 2 / height, truncate(title, _MAX_TITLE), **_text("center"))
    axes = figure.add_axes((_EDGE / WIDTH, _EDGE / height, 1 - 2 * _EDGE / WIDTH, sum(heights) / height))
    axes.set_axis_off()
    # All numbers stand at the right edge of the chart. Without negative values, long bars reach under the numbers. With
    # negative values, the numbers have a column of their own to the right of the scale: otherwise the line at 0 could
    # run through a minus sign, and a long negative bar, far from its number, could be mistaken for the best bar.
    column = (highest - lowest) * _VALUE_WIDTH / (WIDTH - 2 * _EDGE - _VALUE_WIDTH) if lowest < 0 else 0.0
    axes.set_xlim(lowest, highest + column)
    axes.set_ylim(sum(heights), 0)
    if lowest < 0:
        axes.axvline(0, color=GREY, linewidth=0.5)
    # Horizontal positions of texts are shares of the width of the axes. Vertical positions in the axes are in inches.
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
    """Return matplotlib's settings for a text that is aligned to a side; a '$' in the text begins no formula."""
    return {"ha": side, "va": "center", "fontsize": TEXT_SIZE, "linespacing": 1.1, "parse_math": False}
