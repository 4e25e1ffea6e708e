"""Decompositions: a stack split into its levels.

The levels are either taken as an ascent has moved them, or computed from the canvas: many sets of levels have the same
sum, and a set with nearly the least sum of squares is chosen (`least_norm`). Detail that is too fine for the finest
level goes into the `rest`. Levels and rest sum to the canvas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..common.interruption import pausing
from .conversion import as_pyramid
from .image_stack import ImageStack
from .least_norm import compute_least_norm_levels, has_least_norm, make_levels_operator, split_change
from .levels import level_shape
from .matrix_operators import LevelsOperator
from .state import LevelTensors


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A canvas as the sum of levels, and of a rest that no level can show.

    Make one with `decompose`, `decompose_start` or `decompose_change`. Its methods do not change it.

    Args:
        levels: the levels (B, 3, h_r, w_r), coarse to fine, before they are multiplied by their gains.
        rest: the canvas minus the sum of the levels, each resized to the canvas and multiplied by its gain,
            (B, 3, H, W).
        operator: the operator of the stack in the form `layers`, made as if no band were frozen, so that it has all
            frequencies; it enlarges the levels.

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

    levels: tuple[Tensor, ...]
    rest: Tensor
    operator: LevelsOperator

    def canvas(self) -> Tensor:
        """Return the sum of all levels and the rest: the canvas (B, 3, H, W)."""
        return self.operator.forward(LevelTensors(self.levels)) + self.rest

    def sum_levels(self, numbers: Sequence[int]) -> Tensor:
        """Return the sum of some of the levels, resized to the canvas and multiplied by their gains.

        Args:
            numbers: the indices of the levels, from 0, the coarsest. If the finest level is among them, the rest is
                added too, so that the sum over all levels is the canvas.

        Returns:
            A canvas (B, 3, H, W).
        """
        canvas = torch.zeros_like(self.rest)
        for number in numbers:
            canvas += self.operator.enlarge(number, self.levels[number])
        return canvas + self.rest if len(self.levels) - 1 in numbers else canvas

    def add(self, other: "Decomposition") -> "Decomposition":
        """Return the decomposition of the sum of two canvases.

        Args:
            other: the decomposition of a canvas of the same stack, or of a stack with the same spec.
        """
        levels = tuple(one + more for one, more in pausing(zip(self.levels, other.levels, strict=True)))
        return replace(self, levels=levels, rest=self.rest + other.rest)

    def scale(self, factors: Sequence[float]) -> "Decomposition":
        """Return the decomposition with every level multiplied by a factor.

        Args:
            factors: one for each level, coarse to fine; the last one also multiplies the rest.
        """
        levels = tuple(factor * level for factor, level in pausing(zip(factors, self.levels, strict=True)))
        return replace(self, levels=levels, rest=factors[-1] * self.rest)


def decompose(stack: ImageStack) -> Decomposition:
    """Split the canvas of a stack into levels: those of the start plus what ascents have added to them.

    Args:
        stack: any stack.

    Returns:
        Levels and a rest that sum to `stack.canvas`.

    Example:
        >>> import torch
        >>> from das_core import ImageStack, StackSpec, decompose
        >>> image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> stack = ImageStack.from_image(StackSpec(width=32, height=32, margin=0, levels=(1, 4, 16)), image)
        >>> parts = decompose(stack)
        >>> [tuple(level.shape) for level in parts.levels]
        [(1, 3, 1, 1), (1, 3, 4, 4), (1, 3, 16, 16)]
        >>> round(float((parts.canvas() - stack.canvas).abs().max()), 4)
        0.0
        >>> round(float(parts.rest.norm() / stack.canvas.norm()), 1)  # Finer than 16 samples: in none of the levels.
        0.9
    """
    if has_least_norm(stack):
        # Levels of the least norm are linear in the canvas, so start and change need not be split one by one.
        return _split(stack.canvas, stack)
    change = decompose_change(stack)
    return decompose_start(stack).add(change) if bool(stack.start.any()) else change


def estimate_decomposition_bytes(stack: ImageStack) -> int:
    """Return about how many bytes `decompose` needs: levels, the matrices that resize them, and canvases.

    Args:
        stack: any stack.
    """
    spec = replace(as_pyramid(stack).spec, method="layers")
    height, width = spec.canvas
    # `LevelMatrices.fit_finest` inverts the matrix of an axis in float64, with four matrices of that size at a time.
    inverse = (
        4
        * 8
        * max(size * side for size, side in zip(level_shape(spec.levels[-1], spec.canvas), spec.canvas, strict=True))
    )
    # Four sets of levels: those of the start, of the change and of their sum, and temporary ones. Six canvases.
    levels, canvases = 4 * spec.levels_bytes(stack.batch), 6 * 4 * 3 * stack.batch * height * width
    return spec.operator_bytes() + inverse + levels + canvases


def decompose_start(stack: ImageStack) -> Decomposition:
    """Split the start of a stack into levels.

    Args:
        stack: any stack.

    Returns:
        Levels and a rest that sum to `stack.start`; all zero if the start is grey.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import decompose_start
        >>> spec = StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48))
        >>> for stack in (ImageStack.gray(spec), ImageStack.noise(spec)):
        ...     print([round(float(level.abs().max()), 1) for level in decompose_start(stack).levels])
        [0.0, 0.0, 0.0]
        [1.2, 0.7, 0.3]
    """
    return _split(stack.start, stack)


def decompose_change(stack: ImageStack) -> Decomposition:
    """Split the change of the canvas of a stack since its start into levels.

    Args:
        stack: any stack.

    Returns:
        Levels and a rest that sum to `stack.canvas - stack.start`; all zero if the canvas is still the start. The start
        is usually the canvas before the first step. But if `Adam` continues a stack that has no parameters, the canvas
        from which it continues becomes the start (see `ImageStack`).

    Example:
        >>> from dataclasses import replace
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import decompose_change
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=0, levels=(1, 8)))
        >>> brighter = replace(stack, canvas=stack.canvas + 0.5)
        >>> [round(float(level.mean()), 2) for level in decompose_change(brighter).levels]
        [0.49, 0.01]
    """
    stack = as_pyramid(stack)
    operator = make_levels_operator(stack)
    return Decomposition(*split_change(stack, operator), operator)


def _split(canvas: Tensor, stack: ImageStack) -> Decomposition:
    """Return the decomposition of a canvas of a stack into levels of nearly the least norm and a rest."""
    operator = make_levels_operator(stack)
    if not bool(canvas.any()):
        # All levels of a canvas of zeros are zero; `adjoint` makes zeros of the right shapes.
        return Decomposition(operator.adjoint(canvas).tensors, canvas, operator)
    return Decomposition(*compute_least_norm_levels(canvas, stack, operator), operator)
