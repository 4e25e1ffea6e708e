"""The operator of a stack in the form `layers`: matrix products without approximation, levels as tensors."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.products import multiply, multiply_both_sides
from .levels import bicubic_matrix, level_shape
from .linear_operator import StackOperator
from .spectral_operator import SpectralOperator
from .state import LevelTensors

# The largest side of a matrix that is inverted by singular values, for half a second without interruption. For a
# larger one they are used only if the Cholesky decomposition fails.
_LARGEST_DECOMPOSED = 1024


class LevelsOperator(StackOperator[LevelTensors]):
    """The operator K in the form `layers`: the parameters are the levels themselves, tensors (B, 3, h_r, w_r)."""

    def _prepare(self) -> None:
        self._shapes = [level_shape(level, self.canvas) for level in self.levels]
        made = {}  # The rows and the columns of a square canvas share their matrices.
        for size, side in pausing({(shape[axis], self.canvas[axis]) for shape in self._shapes for axis in (0, 1)}):
            made[size, side] = bicubic_matrix(size, side, self.tile, torch.float32).to(self.device)
        self.matrices = [(made[rows, self.canvas[0]], made[columns, self.canvas[1]]) for rows, columns in self._shapes]

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shape of every level."""
        return [(batch, 3, *level_shape(level, canvas)) for level in levels]

    def adjoint(self, gradient: Tensor) -> LevelTensors:
        """Return the gradient at every level r, A_r' G B_r, where G is the gradient without frozen bands."""
        gradient = self.remove_frozen(gradient.float())
        return LevelTensors(tuple(multiply_both_sides(rows.T, gradient, columns) for rows, columns in self.matrices))

    def forward(self, parameters: LevelTensors) -> Tensor:
        """Return the sum of all levels, each resized to the canvas, without frozen bands, (B, 3, H, W)."""
        levels = parameters.tensors
        canvas = levels[0].new_zeros((*levels[0].shape[:2], *self.canvas))
        for number, level in enumerate(levels):
            canvas += self.enlarge(number, level)
        return self.remove_frozen(canvas)

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return level `number` (B, 3, h_r, w_r), counted from the coarsest, resized to the canvas: A_r P_r B_r'."""
        rows, columns = self.matrices[number]
        return multiply_both_sides(rows, level, columns.T)

    def invert(self, change: Tensor) -> LevelTensors:
        """Return levels for a change (B, 3, H, W); they miss some percent, for K+ is that of the form `spectral`."""
        return self.adjoint(self._approximation.invert(change).tensors[0])

    @cached_property
    def _approximation(self) -> SpectralOperator:
        """K in the form `spectral`; it is made when it is needed first."""
        with torch.inference_mode(False):
            return SpectralOperator(self.canvas, self.levels, self.device, self.tile, self.frozen)

    def recover_levels(self, canvas: Tensor, gradient: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the levels of an accumulated gradient, corrected to sum to a canvas; and the rest, (B, 3, H, W)."""
        levels = list(self.adjoint(gradient).tensors)
        last = len(levels) - 1
        coarser = torch.zeros_like(canvas)
        for number, level in enumerate(levels[:-1]):
            coarser += self.enlarge(number, level)
        missed = canvas - (coarser + self.enlarge(last, levels[-1]))
        levels[-1] = levels[-1] + self.fit_finest(missed)
        # Not from `missed`, which has the rounding errors of the uncorrected level: that can be much larger.
        return tuple(levels), canvas - (coarser + self.enlarge(last, levels[-1]))

    def fit_finest(self, canvas: Tensor) -> Tensor:
        """Return values for the finest level, (B, 3, h, w), whose enlargement fits a canvas best by least squares."""
        rows, columns = (
            _invert(bicubic_matrix(size, side, self.tile)).to(canvas)
            for size, side in zip(self._shapes[-1], self.canvas, strict=True)
        )
        return multiply_both_sides(rows, canvas, columns.T)


def _invert(matrix: Tensor) -> Tensor:
    """Return the pseudo-inverse (n, m) of a matrix (m, n), float64, with n at most m."""
    if max(matrix.shape) > _LARGEST_DECOMPOSED:
        # The condition number of the normal equations is below 100 squared: float64 is precise enough.
        factor, failed = torch.linalg.cholesky_ex(multiply(matrix.T, matrix))
        if not bool(failed):
            parts = pausing(matrix.T.split(_LARGEST_DECOMPOSED, dim=1))
            return torch.cat([torch.cholesky_solve(part, factor) for part in parts], dim=1)
    return torch.linalg.pinv(matrix)
