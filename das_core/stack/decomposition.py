"""A stack taken apart into its levels and what no level can show, and put together again.

An ascent keeps one canvas, not its levels. Every level can be read out of that canvas: of all levels that sum to it,
those of least norm are g_r A_r' (K+ S) A_r, with S the canvas and K+ the pseudo-inverse of the stack's operator. They
are also the levels that gradient ascent on the levels themselves would have reached (Direct Ascent Synthesis, arXiv
2502.07753, section 3; the operator form is this project's).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .bicubic import bicubic_matrix
from .image_stack import ImageStack
from .levels import level_shape
from .linear_operator import StackOperator
from .matrix_operators import LevelsOperator
from .spectral_operator import SpectralOperator
from .state import AccumulatedGradient, LevelTensors

# Frequencies that K passes less than this, relative to its largest, are beyond the stack: float32 knows no better.
_SMALLEST_RESPONSE = 1e-7


@dataclass(frozen=True)
class Decomposition:
    """A canvas (B, 3, H, W) as levels (B, 3, h_r, w_r), coarse to fine, and the rest, which no level can show.

    Enlarged to the canvas, times their gains and summed, the levels give the canvas less the rest.
    """

    levels: tuple[Tensor, ...]
    rest: Tensor
    operator: LevelsOperator

    def canvas(self) -> Tensor:
        """Return the sum of all levels and the rest: (B, 3, H, W)."""
        return self.operator.forward(LevelTensors(self.levels)) + self.rest

    def sum_levels(self, numbers: Sequence[int]) -> Tensor:
        """Return the canvas (B, 3, H, W) of the levels with these numbers; the rest belongs to the finest level."""
        canvas = torch.zeros_like(self.rest)
        for number in numbers:
            canvas += self.operator.enlarge(number, self.levels[number])
        return canvas + self.rest if len(self.levels) - 1 in numbers else canvas

    def add(self, other: "Decomposition") -> "Decomposition":
        """Return the decomposition of the sum of two canvases."""
        levels = tuple(one + more for one, more in zip(self.levels, other.levels, strict=True))
        return replace(self, levels=levels, rest=self.rest + other.rest)

    def scale(self, factors: Sequence[float]) -> "Decomposition":
        """Return every level times its factor; the rest is scaled by the factor of the finest level."""
        levels = tuple(factor * level for factor, level in zip(factors, self.levels, strict=True))
        return replace(self, levels=levels, rest=factors[-1] * self.rest)


def decompose(stack: ImageStack) -> Decomposition:
    """Take a whole stack apart: what it started from, and what ascents have added."""
    return decompose_start(stack).add(decompose_change(stack))


def decompose_start(stack: ImageStack) -> Decomposition:
    """Take apart what a stack started from."""
    operator = _levels_operator(stack)
    if not bool(stack.start.any()):
        empty = operator.adjoint(torch.zeros_like(stack.start))
        return Decomposition(empty.tensors, stack.start, operator)
    return _split(stack.start, _least_norm_levels(stack.start, stack, operator), operator)


def decompose_change(stack: ImageStack) -> Decomposition:
    """Take apart what ascents have added to a stack."""
    operator = _levels_operator(stack)
    return _split(stack.canvas - stack.start, read_levels(stack), operator)


def read_levels(stack: ImageStack) -> tuple[Tensor, ...]:
    """Return what ascents have added to every level: (B, 3, h_r, w_r) each, coarse to fine.

    Exact while the stack knows what it has accumulated; otherwise the levels of least norm that sum to the change of
    the canvas. What the small error of the spectral form leaves over is added to the finest level.

    Example:
        >>> import torch
        >>> from das_core import ImageStack, StackSpec
        >>> stack = ImageStack.grey(StackSpec(32, 32, margin=0, levels=(1, 8, 32)))
        >>> [tuple(level.shape) for level in read_levels(stack)]
        [(1, 3, 1, 1), (1, 3, 8, 8), (1, 3, 32, 32)]
    """
    operator = _levels_operator(stack)
    change = stack.canvas - stack.start
    parameters = stack.parameters
    if parameters is None or stack.spec.frozen:
        return _least_norm_levels(change, stack, operator)
    if isinstance(parameters, LevelTensors):
        return parameters.tensors
    assert isinstance(parameters, AccumulatedGradient)
    if stack.spec.method == "exact":
        return operator.adjoint(parameters.gradient).tensors
    return recover_levels(change, parameters.gradient, operator)


def minimum_norm_gradient(canvas: Tensor, operator: SpectralOperator) -> Tensor:
    """Return the accumulated gradient (B, 3, H, W) of least norm that K takes to `canvas`, as far as K reaches."""
    response = operator.response
    reached = response > _SMALLEST_RESPONSE * response.max()
    inverse = torch.where(reached, 1 / response.clamp(min=torch.finfo(response.dtype).tiny), 0)
    return operator.basis.filter(canvas, inverse)


def recover_levels(canvas: Tensor, gradient: Tensor, operator: LevelsOperator) -> tuple[Tensor, ...]:
    """Return the levels (B, 3, h_r, w_r) that an accumulated gradient G stands for, made to sum to `canvas`.

    They are g_r A_r' G B_r. Where G comes from the spectral form, they miss `canvas` by its small error: the finest
    level takes that, as far as it can show it.
    """
    levels = list(operator.adjoint(gradient).tensors)
    remainder = canvas - operator.forward(LevelTensors(tuple(levels)))
    levels[-1] = levels[-1] + _fit_level(remainder, operator.levels[-1], operator) / operator.gains[-1]
    return tuple(levels)


def _least_norm_levels(canvas: Tensor, stack: ImageStack, operator: LevelsOperator) -> tuple[Tensor, ...]:
    spectral = _unfrozen_operator(stack, "spectral")
    assert isinstance(spectral, SpectralOperator)
    return recover_levels(canvas, minimum_norm_gradient(canvas, spectral), operator)


def _split(canvas: Tensor, levels: tuple[Tensor, ...], operator: LevelsOperator) -> Decomposition:
    return Decomposition(levels, canvas - operator.forward(LevelTensors(levels)), operator)


def _levels_operator(stack: ImageStack) -> LevelsOperator:
    operator = _unfrozen_operator(stack, "layers")
    assert isinstance(operator, LevelsOperator)
    return operator


def _unfrozen_operator(stack: ImageStack, method: Any) -> StackOperator[Any]:
    # What is frozen does not move, but it is there and has levels.
    return replace(stack.spec, frozen=()).operator(stack.canvas.device, method)


def _fit_level(canvas: Tensor, level: int, operator: LevelsOperator) -> Tensor:
    """Return the level (B, 3, h, w) that, enlarged, is nearest to `canvas` (B, 3, H, W)."""
    rows, columns = (
        torch.linalg.pinv(bicubic_matrix(size, side, operator.tile)).to(canvas)
        for size, side in zip(level_shape(level, operator.canvas), operator.canvas, strict=True)
    )
    return rows @ canvas @ columns.T
