"""Charts drawn with matplotlib and returned as images."""

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

DOTS_PER_INCH = 100
"""How many pixels of a chart make an inch of a figure."""

BLUE, GREY = "#3b7dd8", "#888888"
"""The colours of charts: what is measured, and what it is compared with."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure.

    Args:
        width: in inches of `DOTS_PER_INCH` pixels.
        height: in inches, too.
    """
    # Not with pyplot, which would keep the figure alive and look for a screen.
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def render_figure(figure: Figure) -> Tensor:
    """Draw a figure and return it as an image.

    Args:
        figure: a figure that `new_figure` has made.

    Returns:
        The image (1, 3, H, W), 0..1, float32, on the CPU.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)[None].contiguous()
