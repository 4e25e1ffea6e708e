"""A wide Gaussian blur, computed on a coarse grid."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .interruption import allow_interrupt
from .modes import without_autocast

LEAST_DEVIATION = _CELLS = 2.0  # The deviation of the blur in cells of the coarse grid, at least one pixel wide.


@without_autocast()
def blur_coarsely(values: Tensor, deviation: float) -> Tensor:
    """Return values (B, C, H, W) after a Gaussian blur of at least 2 pixels, computed on a coarse grid."""
    allow_interrupt()
    height, width = values.shape[2:]
    deviation = max(deviation, LEAST_DEVIATION)
    cell = max(1, round(deviation / _CELLS))
    # A cell that is cut off by an edge is the mean of the pixels that it does contain.
    coarse = F.avg_pool2d(values, cell, ceil_mode=True, count_include_pad=False)
    reach = math.ceil(3 * deviation / cell)
    kernel = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype) * (cell / deviation)
    kernel = torch.exp(kernel.square() / -2)
    kernel = (kernel / kernel.sum())[None, None, None].expand(values.shape[1], 1, 1, -1)
    # Reflection pads by less than the side, so the ends of a longer kernel are cut off.
    rows, columns = (min(reach, side - 1) for side in coarse.shape[2:])
    for taps, padding in (
        (kernel[..., reach - columns : reach + columns + 1], (columns, columns, 0, 0)),
        (kernel[..., reach - rows : reach + rows + 1].transpose(2, 3), (0, 0, rows, rows)),
    ):
        coarse = F.conv2d(F.pad(coarse, padding, mode="reflect"), taps / taps[0].sum(), groups=values.shape[1])
    # The last cells may reach beyond the canvas.
    enlarged = F.interpolate(coarse, scale_factor=float(cell), mode="bilinear")
    return enlarged[..., :height, :width]
