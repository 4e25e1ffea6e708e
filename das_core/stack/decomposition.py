"""Decompositions: a stack taken apart into its levels.

An ascent keeps one canvas and not the levels that sum to it. The canvas alone does not determine them: what a coarse
level shows, finer ones can show too, nearly or exactly. Of all levels with the same sum, this module looks for those of
least norm (the least sum of squares). With K = forward adjoint the operator of the stack (`linear_operator`; both
halves in the form `layers`), K+ its pseudo-inverse and S the canvas, they are

    P = adjoint(K+ S),    that is    P_r = g_r A_r' (K+ S) B_r

which is the pseudo-inverse of `forward` applied to S. They are also the levels with which gradient ascent on the levels
themselves would have ended: levels that start at zero and only move along gradients have the form P = adjoint(G), with
G the accumulated gradient, and levels of that form are of least norm among all with the same sum.

What is not in the range of `forward`, because it is finer than the finest level, is in no level: it is the `rest`.

K+ is approximated in the form `spectral`, where it is one division for every frequency. What the levels then miss of S
is added to the finest level. So levels and rest do sum to S, but the levels are only near to those of least norm: their
norm was 1.1 to 1.8 times the least one, measured on canvases of 32 to 168 pixels, and most of the difference lies in
the finest level. Where an ascent has kept what it accumulated, K+ is not needed: see `read_levels`.

Method: Direct Ascent Synthesis, arXiv 2502.07753, section 3; the operator form is this project's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.interruption import pausing
from .image_stack import ImageStack
from .linear_operator import StackOperator
from .matrix_operators import LevelsOperator
from .spectral_operator import SpectralOperator
from .state import AccumulatedGradient, LevelTensors
from .time import mix_frames, time_matrix


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A canvas as the sum of levels, and of a rest that no level can show.

    Make one with `decompose`, `decompose_start` or `decompose_change`. Methods return new ones.

    Args:
        levels: the levels (B, 3, h_r, w_r), coarse to fine, without their gains.
        rest: what is left of the canvas when the levels, resized and times their gains, are taken away, (B, 3, H, W).
        operator: the operator of the stack in the form `layers`, which enlarges the levels.

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
        """Return the sum of some of the levels, resized and times their gains.

        Args:
            numbers: the indices of the levels, from 0, the coarsest. With the finest level comes the rest, so that the
                sum over all levels is the canvas.

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
            other: the decomposition of a canvas of the same stack, or of one with the same spec.
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
    """Take the canvas of a stack apart: what it started from plus what ascents have added.

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
    return decompose_start(stack).add(decompose_change(stack))


def estimate_decomposition_bytes(stack: ImageStack) -> int:
    """Return about how many bytes `decompose` needs: levels, the matrices that resize them, and canvases.

    Args:
        stack: any stack.
    """
    spec = replace(as_pyramid(stack).spec, method="layers")
    height, width = spec.canvas
    # Levels of the start, of the change and of their sum, and those on their way.
    return spec.operator_bytes() + 4 * spec.levels_bytes(stack.batch) + 6 * 4 * 3 * stack.batch * height * width


def decompose_start(stack: ImageStack) -> Decomposition:
    """Take apart what a stack started from.

    Args:
        stack: any stack.

    Returns:
        Levels and a rest that sum to `stack.start`; all zero for a stack that started from grey.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import decompose_start
        >>> spec = StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48))
        >>> for stack in (ImageStack.gray(spec), ImageStack.noise(spec)):
        ...     print([round(float(level.abs().max()), 1) for level in decompose_start(stack).levels])
        [0.0, 0.0, 0.0]
        [1.2, 0.7, 0.3]
    """
    operator = _make_levels_operator(stack)
    if not bool(stack.start.any()):
        empty = operator.adjoint(torch.zeros_like(stack.start))
        return Decomposition(empty.tensors, stack.start, operator)
    return _split(stack.start, _compute_least_norm_levels(stack.start, stack, operator), operator)


def decompose_change(stack: ImageStack) -> Decomposition:
    """Take apart what ascents have added to a stack.

    Args:
        stack: any stack.

    Returns:
        Levels and a rest that sum to `stack.canvas - stack.start`; all zero for a stack that no ascent has moved. Where
        `Adam` took over from another optimizer, the start is the canvas at that moment (see `ImageStack`).

    Example:
        >>> from dataclasses import replace
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import decompose_change
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=0, levels=(1, 8)))
        >>> brighter = replace(stack, canvas=stack.canvas + 0.5)
        >>> [round(float(level.mean()), 2) for level in decompose_change(brighter).levels]
        [0.49, 0.01]
    """
    operator = _make_levels_operator(stack)
    return _split(stack.canvas - stack.start, read_levels(stack), operator)


def read_levels(stack: ImageStack) -> tuple[Tensor, ...]:
    """Read out what ascents have added to every level.

    Where the stack has accumulated parameters and nothing is frozen, these are the levels that the ascent has moved:
    exactly so in the forms `exact` and `layers`; in the form `spectral` its small error is added to the finest level,
    so that the levels still sum to the change of the canvas. In all other cases they are levels of nearly the least
    norm with that sum (see the module docstring).

    Args:
        stack: any stack.

    Returns:
        The levels (B, 3, h_r, w_r), coarse to fine, without their gains.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import read_levels
        >>> stack = ImageStack.gray(StackSpec(32, 32, margin=0, levels=(1, 8, 32)))
        >>> [tuple(level.shape) for level in read_levels(stack)]
        [(1, 3, 1, 1), (1, 3, 8, 8), (1, 3, 32, 32)]
    """
    stack = as_pyramid(stack)
    operator = _make_levels_operator(stack)
    change = stack.canvas - stack.start
    parameters = stack.parameters
    if parameters is None or stack.spec.frozen:
        return _compute_least_norm_levels(change, stack, operator)
    if isinstance(parameters, LevelTensors):
        return parameters.tensors
    assert isinstance(parameters, AccumulatedGradient)
    if stack.spec.method == "exact":
        return operator.adjoint(parameters.gradient).tensors
    return operator.recover_levels(change, parameters.gradient)


def as_pictures(stack: ImageStack) -> ImageStack:
    """Return the frames of a film as pictures, each by itself; a stack without time is returned as it is.

    Their accumulated gradient is K_t (`stack/time.py`) times that of the film.

    Args:
        stack: any stack.
    """
    time, parameters = stack.spec.time, stack.parameters
    if time is None:
        return stack
    if parameters is not None:
        matrix = time_matrix(time).to(parameters.tensors[0])
        parameters = AccumulatedGradient((mix_frames(matrix, parameters.tensors[0]),))
    spec = replace(stack.spec, time=None)
    return replace(stack, spec=spec, parameters=parameters, optimizer_state=None)


def as_pyramid(stack: ImageStack) -> ImageStack:
    """Return a stack of the parametrisation `pyramid`, with levels, that shows the same as a stack of any other.

    Args:
        stack: any stack. A pyramid is returned unchanged, except that the frames of a film become pictures.
    """
    stack = as_pictures(stack)
    if stack.spec.parametrization == "pyramid":
        return stack
    return replace(stack, spec=replace(stack.spec, parametrization="pyramid"), parameters=None, optimizer_state=None)


def _compute_least_norm_levels(canvas: Tensor, stack: ImageStack, operator: LevelsOperator) -> tuple[Tensor, ...]:
    """Return levels of nearly the least norm that sum to a canvas (B, 3, H, W), as far as they can show it."""
    spectral = _make_unfrozen_operator(stack, "spectral")
    assert isinstance(spectral, SpectralOperator)
    return operator.recover_levels(canvas, spectral.minimum_norm_gradient(canvas))


def _split(canvas: Tensor, levels: tuple[Tensor, ...], operator: LevelsOperator) -> Decomposition:
    """Return the decomposition of a canvas into these levels and what they leave over."""
    return Decomposition(levels, canvas - operator.forward(LevelTensors(levels)), operator)


def _make_levels_operator(stack: ImageStack) -> LevelsOperator:
    """Return the operator of a stack in the form `layers`, without its frozen bands."""
    operator = _make_unfrozen_operator(stack, "layers")
    assert isinstance(operator, LevelsOperator)
    return operator


def _make_unfrozen_operator(stack: ImageStack, method: Any) -> StackOperator[Any]:
    """Return the operator of a stack in the form `method`, without its frozen bands."""
    # Frozen bands do not move, but they are a part of the canvas, and so belong to its levels.
    return replace(as_pyramid(stack).spec, frozen=()).operator(stack.canvas.device, method)
