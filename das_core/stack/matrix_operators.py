"""The operator of a stack by matrix products: exact, with or without the levels as tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.geometry import Shape
from .bands import Band
from .bicubic import bicubic_matrix
from .levels import level_shape
from .linear_operator import P, StackOperator
from .state import AccumulatedGradient, LevelTensors


class LevelMatrices:
    """The resizing matrices of all levels, float32: A_r for rows and B_r for columns. See `StackOperator`."""

    def __init__(self, canvas: Shape, levels: Sequence[int], device: torch.device, tile: bool) -> None:
        shapes = [level_shape(level, canvas) for level in levels]
        rows, columns = (
            {shape[axis]: bicubic_matrix(shape[axis], side, tile).to(device, torch.float32) for shape in shapes}
            for axis, side in enumerate(canvas)
        )
        self.pairs = [(rows[height], columns[width]) for height, width in shapes]

    def shrink(self, number: int, canvas: Tensor) -> Tensor:
        """Return A' G B: a canvas (B, 3, H, W) on the grid of level `number`, by the adjoint of its resizing."""
        rows, columns = self.pairs[number]
        return rows.T @ canvas @ columns

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return A P B': level `number` (B, 3, h_r, w_r) resized to the canvas (B, 3, H, W)."""
        rows, columns = self.pairs[number]
        return rows @ level @ columns.T


class _MatrixOperator(StackOperator[P]):
    """An operator that holds the resizing matrices of its levels. See `StackOperator` for the arguments."""

    def __init__(
        self,
        canvas: Shape,
        levels: Sequence[int],
        gains: Sequence[float],
        device: torch.device,
        tile: bool = False,
        frozen: Sequence[Band] = (),
    ) -> None:
        super().__init__(canvas, levels, gains, device, tile, frozen)
        self._matrices = LevelMatrices(canvas, levels, device, tile)


class ExactOperator(_MatrixOperator[AccumulatedGradient]):
    """K by matrix products, level after level; the parameters are the accumulated gradient, and no level is kept."""

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        """Return the gradient itself, without frozen bands."""
        return AccumulatedGradient((self.remove_frozen(gradient.float()),))

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return K times the accumulated gradient."""
        gradient = parameters.gradient
        canvas = torch.zeros_like(gradient)
        for number, gain in enumerate(self.gains):
            canvas += gain**2 * self._matrices.enlarge(number, self._matrices.shrink(number, gradient))
        return self.remove_frozen(canvas)


class LevelsOperator(_MatrixOperator[LevelTensors]):
    """The levels as tensors (B, 3, h_r, w_r): they are the parameters."""

    def adjoint(self, gradient: Tensor) -> LevelTensors:
        """Return the gradient of every level: g_r A_r' G B_r."""
        gradient = self.remove_frozen(gradient.float())
        return LevelTensors(
            tuple(gain * self._matrices.shrink(number, gradient) for number, gain in enumerate(self.gains))
        )

    def forward(self, parameters: LevelTensors) -> Tensor:
        """Return the sum of all levels, resized to the canvas and scaled by their gains."""
        levels = parameters.tensors
        canvas = levels[0].new_zeros((*levels[0].shape[:2], *self.canvas))
        for number, level in enumerate(levels):
            canvas += self.enlarge(number, level)
        return self.remove_frozen(canvas)

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return what level `number` (B, 3, h_r, w_r) adds to the canvas (B, 3, H, W): resized, times its gain."""
        return self.gains[number] * self._matrices.enlarge(number, level)
