"""Charts as images."""

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

DOTS_PER_INCH = 100
BLUE, GREY = "#3b7dd8", "#888888"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    # Not pyplot: it would keep the figure alive and look for a screen.
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def render_figure(figure: Figure) -> Tensor:
    """A figure as an image (1, 3, H, W), 0..1."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)[None].contiguous()
