"""The levels of a stack: those that an ascent has moved, or those of least norm with the same sum.

Most ascents keep one canvas and not the levels that sum to it. The canvas alone does not determine the levels: what a
coarse level shows, finer levels can show too, nearly or exactly. Among all levels with the same sum, this module looks
for the levels of least norm (the least sum of squares). Let S be the canvas, let `forward` and `adjoint` be those of
the form `layers` (`linear_operator`), and let K+ be the pseudo-inverse of the operator K = forward adjoint. Then the
levels of least norm are

    P = adjoint(K+ S),    that is    P_r = g_r A_r' (K+ S) B_r    for every level r,

where g_r is its gain, and A_r and B_r are the matrices that enlarge it to the canvas (see `linear_operator`).
This is the pseudo-inverse of `forward` applied to S. Gradient ascent on the levels themselves would have ended with
these levels, too: levels that start at zero and only move along gradients have the form P = adjoint(G), with G the
accumulated gradient, and levels of that form have the least norm among all levels with the same sum.

Detail that is finer than the finest level is outside the range of `forward`. No level contains it: it is the rest of a
`Decomposition`.

K+ is approximated in the form `spectral`, where it is one division for every frequency. The part of S that the levels
then miss is added to the finest level. So levels and rest do sum to S, but the norm of the levels is not quite the
least: it was 1.1 to 1.8 times the least norm, measured on canvases of 32 to 168 pixels. Most of the difference lies in
the finest level. What ascents have added to the levels can often be computed from the parameters, without K+: see
`read_levels`.

Method: Direct Ascent Synthesis, arXiv 2502.07753, section 3. The formulation with an operator is this project's own.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from .conversion import as_pyramid
from .image_stack import ImageStack
from .linear_operator import StackOperator
from .matrix_operators import LevelsOperator
from .state import AccumulatedGradient, LevelTensors

Split = tuple[tuple[Tensor, ...], Tensor]
"""Levels (B, 3, h_r, w_r), coarse to fine, without their gains; and the rest (B, 3, H, W), which no level can show."""


def read_levels(stack: ImageStack) -> tuple[Tensor, ...]:
    """Return what ascents have added to every level; the levels of the start are not included.

    If a stack of the parametrisation `pyramid` has parameters and no frozen bands, the result is computed from the
    parameters. In the forms `exact` and `layers` it is exact. In the form `spectral`, the small error of this form is
    added to the finest level, so that the levels still sum to the change of the canvas. In all other cases, the levels
    that are returned sum to the change of the canvas, as far as levels can show it, and have nearly the least norm (see
    the module docstring).

    Args:
        stack: any stack.

    Returns:
        The levels (B, 3, h_r, w_r), coarse to fine, before they are multiplied by their gains.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack import read_levels
        >>> stack = ImageStack.gray(StackSpec(32, 32, margin=0, levels=(1, 8, 32)))
        >>> [tuple(level.shape) for level in read_levels(stack)]
        [(1, 3, 1, 1), (1, 3, 8, 8), (1, 3, 32, 32)]
    """
    stack = as_pyramid(stack)
    return split_change(stack, make_levels_operator(stack))[0]


def has_least_norm(stack: ImageStack) -> bool:
    """Return whether `read_levels` computes the levels of a stack from the canvas, as levels of nearly the least norm.

    It does so if the parameters do not give the levels: if the stack has no parameters, if it has frozen bands,
    or if its parametrisation is not `pyramid`. Otherwise it computes the levels from the parameters.

    Args:
        stack: any stack.
    """
    stack = as_pyramid(stack)
    return stack.parameters is None or bool(stack.spec.frozen)


def split_change(stack: ImageStack, operator: LevelsOperator) -> Split:
    """Split the change of the canvas since the start into levels and a rest that no level can show.

    `read_levels` says which levels these are; it returns them without the rest.

    Args:
        stack: a stack that `as_pyramid` has returned: no film, and with the parametrisation `pyramid`.
        operator: the operator of the stack in the form `layers`, made by `make_levels_operator`.

    Returns:
        The levels (B, 3, h_r, w_r), coarse to fine, not yet multiplied by their gains; and the rest (B, 3, H, W): the
        change minus the sum of the enlarged levels, each times its gain.
    """
    change = stack.canvas - stack.start
    if has_least_norm(stack):
        return compute_least_norm_levels(change, stack, operator)
    parameters = stack.parameters
    if isinstance(parameters, AccumulatedGradient) and stack.spec.method != "exact":
        return operator.recover_levels(change, parameters.gradient)
    if isinstance(parameters, AccumulatedGradient):
        parameters = operator.adjoint(parameters.gradient)
    assert isinstance(parameters, LevelTensors)
    return parameters.tensors, change - operator.forward(parameters)


def compute_least_norm_levels(canvas: Tensor, stack: ImageStack, operator: LevelsOperator) -> Split:
    """Split a canvas into levels and a rest that no level can show.

    The levels have nearly the least norm of all levels with that sum.

    Args:
        canvas: (B, 3, H, W), in the colour space of the stack.
        stack: a stack with the levels and gains that are wanted.
        operator: the operator of the stack in the form `layers`, made by `make_levels_operator`.

    Returns:
        The levels (B, 3, h_r, w_r), coarse to fine, not yet multiplied by their gains; and the rest (B, 3, H, W): the
        canvas minus the sum of the enlarged levels, each times its gain.
    """
    gradient = _make_unfrozen_operator(stack, "spectral").invert(canvas).tensors[0]
    return operator.recover_levels(canvas, gradient)


def make_levels_operator(stack: ImageStack) -> LevelsOperator:
    """Return the operator of a stack in the form `layers`, as if no band were frozen.

    Args:
        stack: any stack.
    """
    operator = _make_unfrozen_operator(stack, "layers")
    assert isinstance(operator, LevelsOperator)
    return operator


def _make_unfrozen_operator(stack: ImageStack, method: Any) -> StackOperator[Any]:
    """Return the operator of a stack in the form `method`, as if no band were frozen."""
    # Frozen bands do not move, but they are a part of the canvas, so the levels must contain them.
    return replace(as_pyramid(stack).spec, frozen=()).operator(stack.canvas.device, method)
