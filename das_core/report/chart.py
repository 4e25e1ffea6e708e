"""Charts drawn with matplotlib and returned as images, which are legible in a node of ComfyUI.

A node shows a chart about 270 screen pixels wide, so each of the three inches of `WIDTH` has 90 screen pixels. Text of
8 points (1/9 inch) is then ten screen pixels high.
"""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from torch import Tensor

DOTS_PER_INCH = 200
"""The resolution of charts, in pixels per inch of a figure."""

WIDTH = 3.0
"""The width of every chart, in inches."""

TEXT_SIZE, TICK_SIZE = 8, 7
"""Text sizes in points: `TEXT_SIZE` for names, titles and values, `TICK_SIZE` for the numbers along axes."""

_FONT = "DejaVu Sans"
"""The font that is installed with matplotlib."""

_WIDE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimHei", "Meiryo"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS"),
)
"""Fonts of Linux, Windows and macOS with Chinese, Japanese or Korean characters, which `_FONT` lacks."""

BLUE, LIGHT_BLUE, LIGHT_RED, GREY = "#3b7dd8", "#a9c9f5", "#f5c1b0", "#888888"
"""The colours of charts, in this order: for lines of scores, spectra and variances; for bars; for bars below 0; and for
other lines, such as gradient norms and lines for comparison. Text is legible on the colours of bars."""


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
