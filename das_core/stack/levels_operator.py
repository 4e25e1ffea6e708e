"""The operator of a stack in the form `layers`: matrix products without approximation, levels as tensors."""

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from .levels import bicubic_matrix, level_shape
from .linear_operator import Parametrization


class LevelsOperator(Parametrization):
    """The operator K in the form `layers`: the levels move, tensors (B, 3, h_r, w_r)."""

    def prepare(self) -> None:
        """Make the matrices of the rows and the columns of every level."""
        shapes = [level_shape(level, self.canvas) for level in self.levels]
        made = {}  # The rows and the columns of a square canvas share their matrices.
        for size, side in pausing({(shape[axis], self.canvas[axis]) for shape in shapes for axis in (0, 1)}):
            made[size, side] = bicubic_matrix(size, side, self.tile, torch.float32).to(self.device)
        self.matrices = [(made[rows, self.canvas[0]], made[columns, self.canvas[1]]) for rows, columns in shapes]

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient at every level r, A_r' G B_r, given that at the canvas, G."""
        return tuple(multiply_both_sides(rows.T, gradient, columns) for rows, columns in self.matrices)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the sum of all levels, each resized to the canvas, (B, 3, H, W)."""
        canvas = tensors[0].new_zeros((*tensors[0].shape[:2], *self.canvas))
        for (rows, columns), level in zip(self.matrices, tensors, strict=True):
            canvas += multiply_both_sides(rows, level, columns.T)
        return canvas
