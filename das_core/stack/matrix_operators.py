"""The operators of a stack in the forms `exact` and `layers`, which use matrix products without approximation."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.products import multiply, multiply_both_sides
from .bicubic import bicubic_matrix
from .levels import level_shape
from .linear_operator import P, StackOperator
from .spectral_operator import SpectralOperator
from .state import AccumulatedGradient, LevelTensors


class LevelMatrices:
    """The matrices A_r and B_r that resize every level r to the canvas, float32.

    If level r is the image P_r, then A_r P_r B_r' is this image, resized to the canvas; ' means transposed. So A_r
    changes the number of its rows, and B_r the number of its columns.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        levels: resolutions along the long side of the canvas, coarse to fine.
        device: the device of canvases and levels.
        tile: whether opposite edges of the canvas meet.
    """

    def __init__(self, canvas: Shape, levels: Sequence[int], device: torch.device, tile: bool) -> None:
        shapes = [level_shape(level, canvas) for level in levels]
        # The rows and the columns of a square canvas share their matrices.
        made = {}
        for size, side in pausing({(shape[axis], canvas[axis]) for shape in shapes for axis in (0, 1)}):
            made[size, side] = bicubic_matrix(size, side, tile, torch.float32).to(device)
        self.pairs = [(made[height, canvas[0]], made[width, canvas[1]]) for height, width in shapes]
        self._finest, self._canvas, self._tile = shapes[-1], canvas, tile

    def shrink(self, number: int, canvas: Tensor) -> Tensor:
        """Return A' G B for a canvas G: the adjoint of `enlarge`, which computes A P B' for a level P.

        A and B are the matrices that resize the rows and the columns of this level to the canvas; ' means transposed.

        Args:
            number: which level, counted from 0, the coarsest.
            canvas: G, (B, 3, H, W).

        Returns:
            A tensor of the size of the level, (B, 3, h_r, w_r). Each sample is a weighted sum over the canvas, not an
            average: the weights do not sum to 1.
        """
        rows, columns = self.pairs[number]
        return multiply_both_sides(rows.T, canvas, columns)

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return A P B': a level resized to the canvas by bicubic interpolation.

        A and B are the matrices that resize the rows and the columns of this level to the canvas; ' means transposed.

        Args:
            number: which level, counted from 0, the coarsest.
            level: P, (B, 3, h_r, w_r).

        Returns:
            A canvas (B, 3, H, W).
        """
        rows, columns = self.pairs[number]
        return multiply_both_sides(rows, level, columns.T)

    def fit_finest(self, canvas: Tensor) -> Tensor:
        """Return values for the finest level, (B, 3, h, w), whose enlargement fits a canvas best by least squares."""
        rows, columns = (
            _invert(bicubic_matrix(size, side, self._tile)).to(canvas)
            for size, side in zip(self._finest, self._canvas, strict=True)
        )
        return multiply_both_sides(rows, canvas, columns.T)


_LARGEST_DECOMPOSED = 1024
"""The largest side of a matrix that `_invert` inverts by singular values at once: this takes half a second, and cannot
be interrupted. For a larger matrix, singular values are used only if the Cholesky decomposition fails."""


def _invert(matrix: Tensor) -> Tensor:
    """Return the pseudo-inverse (n, m) of a matrix (m, n), float64, with n at most m."""
    if max(matrix.shape) > _LARGEST_DECOMPOSED:
        # Solve the normal equations. A matrix of bicubic interpolation has a condition number below 100. That of its
        # normal equations is the square, below 10,000, for which float64 is precise enough.
        factor, failed = torch.linalg.cholesky_ex(multiply(matrix.T, matrix))
        if not bool(failed):
            solved = []
            for part in pausing(matrix.T.split(_LARGEST_DECOMPOSED, dim=1)):
                solved.append(torch.cholesky_solve(part, factor))
            return torch.cat(solved, dim=1)
    return torch.linalg.pinv(matrix)


class _MatrixOperator(StackOperator[P]):
    """An operator that holds the resizing matrices of its levels; see `StackOperator` for the arguments."""

    def _prepare(self) -> None:
        self.matrices = LevelMatrices(self.canvas, self.levels, self.device, self.tile)

    def invert(self, change: Tensor) -> P:
        """Return parameters that stand for a change of the canvas (B, 3, H, W), computed with the form `spectral`.

        They miss some percent of the change, because K in the form `spectral` is an approximation.
        """
        return self.adjoint(self._approximation.invert(change).gradient)

    @cached_property
    def _approximation(self) -> SpectralOperator:
        """K in the form `spectral`; it is made when it is needed first."""
        with torch.inference_mode(False):
            return SpectralOperator(self.canvas, self.levels, self.gains, self.device, self.tile, self.frozen)


class ExactOperator(_MatrixOperator[AccumulatedGradient]):
    """The operator K in the form `exact`: computed without approximation, by matrix products.

    It computes one level after another and adds each to the canvas, so that no level stays in memory. The parameters
    are the accumulated gradient. See `StackOperator` for the arguments.
    """

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        """Return the gradient (B, 3, H, W) in float32, without the frequencies of frozen bands."""
        return AccumulatedGradient((self.remove_frozen(gradient.float()),))

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return K times the accumulated gradient, (B, 3, H, W)."""
        gradient = parameters.gradient
        canvas = torch.zeros_like(gradient)
        for number, gain in enumerate(self.gains):
            canvas += gain**2 * self.matrices.enlarge(number, self.matrices.shrink(number, gradient))
        return self.remove_frozen(canvas)


class LevelsOperator(_MatrixOperator[LevelTensors]):
    """The operator K in the form `layers`: the parameters are the levels themselves, tensors (B, 3, h_r, w_r).

    See `StackOperator` for the arguments.
    """

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shape of every level; see `StackOperator.shape_parameters`."""
        return [(batch, 3, *level_shape(level, canvas)) for level in levels]

    def adjoint(self, gradient: Tensor) -> LevelTensors:
        """Return the gradient at every level r: g_r A_r' G B_r.

        Here g_r is the gain of the level, and A_r and B_r are the matrices that resize its rows and its columns to the
        canvas; ' means transposed (`linear_operator`).

        Args:
            gradient: the gradient at the canvas, (B, 3, H, W). G is this gradient without the frequencies of frozen
                bands.
        """
        gradient = self.remove_frozen(gradient.float())
        return LevelTensors(
            tuple(gain * self.matrices.shrink(number, gradient) for number, gain in enumerate(self.gains))
        )

    def forward(self, parameters: LevelTensors) -> Tensor:
        """Return the sum of all levels, each resized to the canvas and multiplied by its gain, without frozen bands.

        The result has the shape of the canvas, (B, 3, H, W).
        """
        levels = parameters.tensors
        canvas = levels[0].new_zeros((*levels[0].shape[:2], *self.canvas))
        for number, level in enumerate(levels):
            canvas += self.enlarge(number, level)
        return self.remove_frozen(canvas)

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return what one level adds to the canvas: the level, resized to the canvas and multiplied by its gain.

        The frequencies of frozen bands are not removed here.

        Args:
            number: which level, counted from 0, the coarsest.
            level: the level, (B, 3, h_r, w_r).

        Returns:
            A canvas (B, 3, H, W).
        """
        return self.gains[number] * self.matrices.enlarge(number, level)

    def recover_levels(self, canvas: Tensor, gradient: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the levels that belong to an accumulated gradient, corrected so that they sum to a canvas.

        Before the correction, level r is g_r A_r' G B_r, where g_r is its gain, and A_r and B_r are the matrices that
        resize its rows and its columns to the canvas (`linear_operator`). Resized to the canvas and multiplied by their
        gains, these levels sum to the exact K G. The canvas may be K G as the form `spectral` computes it, with a small
        error. The difference between the canvas and the exact K G is added to the finest level, as far as the finest
        level can show it. The operator must not have frozen bands.

        Args:
            canvas: what the levels have to sum to, (B, 3, H, W).
            gradient: the accumulated gradient G, (B, 3, H, W).

        Returns:
            The levels (B, 3, h_r, w_r), coarse to fine, before the multiplication by their gains in the sum; and the
            rest of the canvas, which no level can show, (B, 3, H, W).
        """
        levels = list(self.adjoint(gradient).tensors)
        last = len(levels) - 1
        coarser = torch.zeros_like(canvas)
        for number, level in enumerate(levels[:-1]):
            coarser += self.enlarge(number, level)
        missed = canvas - (coarser + self.enlarge(last, levels[-1]))
        levels[-1] = levels[-1] + self.matrices.fit_finest(missed) / self.gains[-1]
        # The rest is computed from the corrected levels, not from `missed`: the finest level can be much larger before
        # the correction than after it, and its rounding errors are in `missed`.
        return tuple(levels), canvas - (coarser + self.enlarge(last, levels[-1]))
