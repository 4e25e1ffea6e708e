"""Decompositions: a canvas split into levels of nearly the least norm (docs/method.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from .image_stack import ImageStack
from .levels import bicubic_matrix, level_shape
from .spec import StackSpec
from .spectral_operator import SpectralOperator


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A canvas (B, 3, H, W) as the sum of levels A_r' G B_r, each enlarged, and of a rest; G is K+ times the canvas."""

    spec: StackSpec
    canvas: Tensor

    @property
    def levels(self) -> tuple[Tensor, ...]:
        """All levels (B, 3, h_r, w_r), coarse to fine; one as fine as the canvas takes up the rest."""
        *coarser, last = pausing(range(len(self.spec.levels)))
        finest = self.find_level(last)
        if finest.shape == self.canvas.shape:
            finest = self.sum_levels([last])
        return *map(self.find_level, coarser), finest

    def find_level(self, number: int) -> Tensor:
        """Return level `number` (B, 3, h_r, w_r), counted from the coarsest."""
        rows, columns = self._find_matrices(number)
        return multiply_both_sides(rows.T, self._gradient, columns)

    def enlarge(self, number: int, level: Tensor) -> Tensor:
        """Return level `number` (B, 3, h_r, w_r) resized to the canvas, A_r P_r B_r'."""
        rows, columns = self._find_matrices(number)
        return multiply_both_sides(rows, level, columns.T)

    def weigh(self, factors: Sequence[float]) -> Tensor:
        """Return the sum (B, 3, H, W) of all levels times their factors, coarse to fine; the rest has the last."""
        *coarser, last = factors
        canvas = last * self.canvas
        for number, factor in enumerate(pausing(coarser)):
            if factor != last:
                canvas += (factor - last) * self.enlarge(number, self.find_level(number))
        return canvas

    def sum_levels(self, numbers: Sequence[int]) -> Tensor:
        """Return the sum of some levels, by index, on the canvas, (B, 3, H, W); the finest brings the rest."""
        return self.weigh([float(number in numbers) for number in range(len(self.spec.levels))])

    @cached_property
    def _gradient(self) -> Tensor:
        # Frozen bands are a part of the canvas, so the levels must contain them.
        spec = replace(self.spec, method="spectral", parametrization="pyramid", time=None, frozen=())
        operator = spec.operator(self.canvas.device)
        assert isinstance(operator, SpectralOperator)
        return operator.invert(self.canvas)

    def _find_matrices(self, number: int) -> list[Tensor]:
        """Return the matrices A_r and B_r of a level."""
        canvas, tile = self.spec.canvas, self.spec.tile
        shape = level_shape(self.spec.levels[number], canvas)
        return [
            bicubic_matrix(*sizes, tile, torch.float32).to(self.canvas) for sizes in zip(shape, canvas, strict=True)
        ]


def decompose(stack: ImageStack) -> Decomposition:
    """Split the canvas of a stack into levels.

    Args:
        stack: any stack.

    Returns:
        A `Decomposition`. Its `levels` (B, 3, h_r, w_r), coarse to fine, sum to `canvas` if the finest is as fine as
            that, as by default. The method `sum_levels` returns the sum of some, `weigh` that of all with factors.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)))
        >>> parts = da.stack.decompose(stack)
        >>> [tuple(level.shape) for level in parts.levels]
        [(1, 3, 1, 1), (1, 3, 6, 6), (1, 3, 48, 48)]
        >>> coarse = parts.sum_levels([0, 1])
        >>> round(float(coarse.std()), 2), round(float((parts.canvas - coarse).std()), 2)
        (1.0, 0.08)
    """
    return Decomposition(stack.spec, stack.canvas)


def estimate_decomposition_bytes(stack: ImageStack) -> int:
    """Return about how many bytes sums and edits of the levels of a stack need."""
    operator = replace(stack.spec, method="spectral", time=None).operator_bytes()
    # Eight tensors of the size of the canvas, such as G, the sum, what is left, an enlarged level and intermediate
    # products. Two float32 matrices for the finest level.
    return operator + 8 * 4 * stack.canvas.numel() + 2 * 4 * max(stack.spec.canvas) ** 2


def sum_groups(stack: ImageStack, groups: Sequence[Sequence[int]]) -> Iterator[Tensor]:
    """Yield the sum (B, 3, H, W) of each group of levels; the groups hold all levels once, in order."""
    parts, left = decompose(stack), stack.canvas
    for numbers in groups[:-1]:
        canvas = parts.sum_levels(numbers)
        left = left - canvas
        yield canvas
    # What is left is the last group with the rest, so neither has to be computed.
    yield left
