"""Levels read out of a canvas: nothing is lost by not keeping them during the ascent."""

import torch
from torch import Tensor

from .levels import level_shape
from .operator import Operator, Parameters, SpectralOperator
from .resample import bicubic_matrix

# Frequencies that K passes less than this, relative to its largest, are beyond the stack: float32 knows no better.
_SMALLEST_RESPONSE = 1e-7


def least_drive(canvas: Tensor, operator: SpectralOperator) -> Tensor:
    """The accumulated gradient of least norm that K takes to `canvas` (B, 3, H, W), as far as K reaches."""
    response = operator.response
    reached = response > _SMALLEST_RESPONSE * response.max()
    inverse = torch.where(reached, 1 / response.clamp(min=torch.finfo(response.dtype).tiny), 0)
    return operator.basis.filter(canvas, inverse)


def read_levels(canvas: Tensor, drive: Tensor, layers: Operator) -> Parameters:
    """The levels (B, 3, h_r, w_r) that a drive G stands for, g_r A_r' G B_r, made to sum to `canvas`.

    With the exact operator they sum to it as they are. What the small error of the spectral form leaves over goes to
    the finest level, as far as that level can show it.
    """
    levels = list(layers.pull(drive))
    remainder = canvas - layers.push(tuple(levels))
    levels[-1] = levels[-1] + _fit(remainder, layers.levels[-1], layers) / layers.gains[-1]
    return tuple(levels)


def _fit(canvas: Tensor, level: int, layers: Operator) -> Tensor:
    """The level (B, 3, h, w) whose resized form is nearest to `canvas` (B, 3, H, W)."""
    rows, columns = (
        torch.linalg.pinv(bicubic_matrix(size, side, layers.tile)).to(canvas)
        for size, side in zip(level_shape(level, layers.canvas), layers.canvas, strict=True)
    )
    return rows @ canvas @ columns.T
