"""Decompositions: a stack split into its levels.

Levels are read from the parameters, if these give them. Otherwise, those of least norm are wanted (docs/method.md): K+
is approximated in the form `spectral`, and what the levels then miss of the canvas is added to the finest level, so
their norm is 1.1 to 1.8 times the least (measured on canvases of 32 to 168 pixels).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from .conversion import as_pyramid
from .image_stack import ImageStack
from .levels import bicubic_matrix, level_shape
from .levels_operator import LevelsOperator
from .state import LevelTensors, Parameters


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A canvas as the sum of levels (B, 3, h_r, w_r), coarse to fine, and of a rest that no level can show."""

    levels: tuple[Tensor, ...]
    rest: Tensor
    operator: LevelsOperator

    def canvas(self) -> Tensor:
        """Return the sum of all levels and the rest: the canvas (B, 3, H, W)."""
        return self.operator.forward(LevelTensors(self.levels)) + self.rest

    def sum_levels(self, numbers: Sequence[int]) -> Tensor:
        """Return the sum of some levels, by index, on the canvas, (B, 3, H, W); the finest brings the rest."""
        canvas = torch.zeros_like(self.rest)
        for number in numbers:
            canvas += self.operator.enlarge(number, self.levels[number])
        return canvas + self.rest if len(self.levels) - 1 in numbers else canvas

    def add(self, other: "Decomposition") -> "Decomposition":
        """Return the decomposition of the sum of two canvases of the same spec."""
        levels = tuple(one + more for one, more in pausing(zip(self.levels, other.levels, strict=True)))
        return replace(self, levels=levels, rest=self.rest + other.rest)

    def scale(self, factors: Sequence[float]) -> "Decomposition":
        """Return the decomposition with each level times its factor, coarse to fine; the last also scales the rest."""
        levels = tuple(factor * level for factor, level in pausing(zip(factors, self.levels, strict=True)))
        return replace(self, levels=levels, rest=factors[-1] * self.rest)


def decompose(stack: ImageStack) -> Decomposition:
    """Split the canvas of a stack into levels: those of the start plus what ascents have added to them.

    Args:
        stack: any stack.

    Returns:
        A `Decomposition`: `levels` (B, 3, h_r, w_r), coarse to fine, and a `rest` that no level can show. The method
            `canvas` returns their sum, `stack.canvas`; `sum_levels` that of some levels.

    Example:
        >>> from das_core import ImageStack, StackSpec, decompose
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)))
        >>> parts = decompose(stack)
        >>> [tuple(level.shape) for level in parts.levels]
        [(1, 3, 1, 1), (1, 3, 6, 6), (1, 3, 48, 48)]
        >>> coarse = parts.sum_levels([0, 1])
        >>> round(float(coarse.std()), 2), round(float((parts.canvas() - coarse).std()), 2)
        (1.0, 0.08)
    """
    if _find_parameters(stack) is None:  # Then levels are linear in the canvas.
        return _split(stack, stack.canvas)
    change = decompose_change(stack)
    return decompose_start(stack).add(change) if bool(stack.start.any()) else change


def decompose_start(stack: ImageStack) -> Decomposition:
    """Split the start of a stack into levels and a rest that sum to `stack.start`."""
    return _split(stack, stack.start)


def decompose_change(stack: ImageStack) -> Decomposition:
    """Split the change of the canvas since the start into levels and a rest; they sum to `canvas - start`."""
    change, parameters = stack.canvas - stack.start, _find_parameters(stack)
    if parameters is None:
        return _split(stack, change)
    operator = _make_operator(stack, "layers")
    if isinstance(parameters, LevelTensors):
        return Decomposition(parameters.tensors, change - operator.forward(parameters), operator)
    levels, rest = operator.recover_levels(change, parameters.tensors[0])
    return Decomposition(levels, rest, operator)


def estimate_decomposition_bytes(stack: ImageStack) -> int:
    """Return about how many bytes `decompose` needs."""
    spec = replace(as_pyramid(stack).spec, method="layers")
    height, width = spec.canvas
    # `LevelsOperator.fit_finest` inverts the matrix of an axis in float64, with four matrices of that size at a time.
    finest = level_shape(spec.levels[-1], spec.canvas)
    inverse = 4 * 8 * max(size * side for size, side in zip(finest, spec.canvas, strict=True))
    # Four sets of levels (of start, change, their sum, and temporary ones) and six canvases.
    levels, canvases = 4 * spec.levels_bytes(stack.batch), 6 * 4 * 3 * stack.batch * height * width
    return spec.operator_bytes() + inverse + levels + canvases


def sum_groups(stack: ImageStack, groups: Sequence[Sequence[int]]) -> Iterator[Tensor]:
    """Yield the sum (B, 3, H, W) of each group of levels; the groups hold all levels once, in order."""
    stack = as_pyramid(stack)
    gradient, moved = _find_gradient(stack)
    spec, left = stack.spec, stack.canvas
    for numbers in groups[:-1]:
        canvas = torch.zeros_like(left)
        for number in numbers:
            shape = level_shape(spec.levels[number], spec.canvas)
            rows, columns = (
                bicubic_matrix(size, side, spec.tile, gradient.dtype).to(gradient)
                for size, side in zip(shape, spec.canvas, strict=True)
            )
            level = multiply_both_sides(rows.T, gradient, columns)
            if moved is not None:
                level = level + moved[number]
            canvas += multiply_both_sides(rows, level, columns.T)
        left = left - canvas
        yield canvas
    # The remainder is the sum of the last group and of what no level can show, so neither has to be computed.
    yield left


def estimate_sum_bytes(stack: ImageStack) -> int:
    """Return about how many bytes `sum_groups` needs."""
    height, width = stack.spec.canvas
    spectral = replace(stack.spec, method="spectral").operator_bytes()
    # Seven float32 tensors of the size of the canvas: the gradient, the sum, the remainder, an enlarged level and
    # three intermediate products. Two float32 matrices for the finest level.
    return 4 * 3 * stack.batch * height * width * 7 + spectral + 2 * 4 * max(height, width) ** 2


def _find_gradient(stack: ImageStack) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """Return a gradient G, and tensors P_r or None for zeros, so that level r of the canvas is A_r' G B_r + P_r."""
    spectral, parameters = _make_operator(stack, "spectral"), _find_parameters(stack)
    zero = torch.zeros_like(stack.start)
    start = spectral.invert(stack.start).tensors[0] if bool(stack.start.any()) else zero
    if isinstance(parameters, LevelTensors):
        return start, parameters.tensors
    change = spectral.invert(stack.canvas - stack.start) if parameters is None else parameters
    return start + change.tensors[0], None


def _find_parameters(stack: ImageStack) -> Parameters | None:
    """Return the parameters of a stack if they give its levels, else None: levels are then computed from the canvas."""
    stack = as_pyramid(stack)
    return None if stack.spec.frozen else stack.parameters


def _split(stack: ImageStack, canvas: Tensor) -> Decomposition:
    """Return the decomposition of a canvas of a stack into levels of nearly the least norm and a rest."""
    operator = _make_operator(stack, "layers")
    if not bool(canvas.any()):  # `adjoint` makes zeros of the right shapes.
        return Decomposition(operator.adjoint(canvas).tensors, canvas, operator)
    levels, rest = operator.recover_levels(canvas, _make_operator(stack, "spectral").invert(canvas).tensors[0])
    return Decomposition(levels, rest, operator)


def _make_operator(stack: ImageStack, method: Any) -> Any:
    """Return the operator of a stack in the form `method`, as if no band were frozen."""
    # Frozen bands are a part of the canvas, so the levels must contain them.
    return replace(as_pyramid(stack).spec, frozen=()).operator(stack.canvas.device, method)
