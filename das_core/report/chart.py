"""Charts drawn with matplotlib and returned as images, which are legible in a node of ComfyUI; bar charts.

A node shows a chart about 270 screen pixels wide, so each of the three inches of `WIDTH` has 90 screen pixels, and text
of 8 points (1/9 inch) is ten high. Names are written on the bars, so that they take no width from them.
"""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from ..common.text import truncate

WIDTH, DOTS_PER_INCH = 3.0, 200  # The width of every chart in inches, and its pixels per inch.
TEXT_SIZE, TICK_SIZE = 8, 7  # In points: for names, titles and values, and for the numbers along axes.
_FONT = "DejaVu Sans"  # Installed with matplotlib.
_WIDE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimHei", "Meiryo"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS"),
)
"""Fonts of Linux, Windows and macOS with Chinese, Japanese or Korean characters, which `_FONT` lacks."""

# The colours of lines, of bars, of bars below 0, and of other lines. Text is legible on bars.
BLUE, LIGHT_BLUE, LIGHT_RED, GREY = "#3b7dd8", "#a9c9f5", "#f5c1b0", "#888888"

# Parts of a bar chart, in inches. An inch has 72 points, and lines of text are 1.2 times the text size apart.
_EDGE, _TITLE_HEIGHT, _VALUE_WIDTH = 0.05, 0.2, 0.55
_LINE_HEIGHT, _ROW_PADDING, _ROW_GAP = 1.2 * TEXT_SIZE / 72, 0.015, 0.02

_MAX_LINES, _MAX_TITLE = 2, 44


def new_figure(height: float) -> Figure:
    """Return an empty figure that is `WIDTH` inches wide and `height` inches high."""
    # Made without pyplot, which would keep the figure in memory and look for a screen.
    return Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")


def choose_fonts() -> list[str]:
    """Return the installed fonts for charts, in order: a character is drawn in the first font that has it."""
    installed = {font.name for font in fontManager.ttflist}
    return [_FONT, *(name for name in _WIDE_FONTS if name in installed)]


def style_axes(axes: Axes) -> None:
    """Give axes small numbers and no frame at the top or on the right."""
    axes.tick_params(which="both", labelsize=TICK_SIZE, length=2, pad=1.5)
    axes.spines[["top", "right"]].set_visible(False)


def render_figure(figure: Figure) -> Tensor:
    """Draw a figure of `new_figure` and return it as an image (1, 3, H, W), 0..1, float32, on the CPU."""
    fonts = choose_fonts()
    for text in figure.findobj(Text):
        text.set_fontfamily(fonts)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)[None].contiguous()


def wrap_name(name: str) -> str:
    """Break a name into at most two lines that leave room for a value beside them; a longer name is cut."""
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
    # `textwrap` limits letters, not widths: 7 % less than the average width of a letter in the name would allow.
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
    """Draw a horizontal bar chart (1, 3, H, W), 0..1, with names and values from the top down. `lines` has, for each
    bar, the lines of text that its row has room for; charts with equal `lines` are equally high."""
    names = [wrap_name(name) for name, _ in bars]
    counts = lines or [1 + name.count("\n") for name in names]
    heights = [_LINE_HEIGHT * count + 2 * _ROW_PADDING + _ROW_GAP for count in counts]
    height = _TITLE_HEIGHT + sum(heights) + _EDGE
    figure = new_figure(height)
    figure.set_layout_engine("none")  # all positions are set below
    figure.text(0.5, 1 - _TITLE_HEIGHT / 2 / height, truncate(title, _MAX_TITLE), **_text("center"))
    axes = figure.add_axes((_EDGE / WIDTH, _EDGE / height, 1 - 2 * _EDGE / WIDTH, sum(heights) / height))
    axes.set_axis_off()
    # All numbers stand at the right edge, over long bars. With negative values they have a column of their own to the
    # right of the scale: otherwise the line at 0 could run through a minus sign.
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
