"""The levels of a stack: those that an ascent has moved, or those of least norm with the same sum.

An ascent keeps one canvas and not the levels that sum to it. The canvas alone does not determine them: what a coarse
level shows, finer ones can show too, nearly or exactly. Of all levels with the same sum, this module looks for those of
least norm (the least sum of squares). With K = forward adjoint the operator of the stack (`linear_operator`; both
halves in the form `layers`), K+ its pseudo-inverse and S the canvas, they are

    P = adjoint(K+ S),    that is    P_r = g_r A_r' (K+ S) B_r

which is the pseudo-inverse of `forward` applied to S. They are also the levels with which gradient ascent on the levels
themselves would have ended: levels that start at zero and only move along gradients have the form P = adjoint(G), with
G the accumulated gradient, and levels of that form are of least norm among all with the same sum.

What is not in the range of `forward`, because it is finer than the finest level, is in no level: it is the rest of a
`Decomposition`.

K+ is approximated in the form `spectral`, where it is one division for every frequency. What the levels then miss of S
is added to the finest level. So levels and rest do sum to S, but the levels are only near to those of least norm: their
norm was 1.1 to 1.8 times the least one, measured on canvases of 32 to 168 pixels, and most of the difference lies in
the finest level. Where an ascent has kept what it accumulated, K+ is not needed: see `read_levels`.

Method: Direct Ascent Synthesis, arXiv 2502.07753, section 3; the operator form is this project's.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from .conversion import as_pyramid
from .image_stack import ImageStack
from .linear_operator import StackOperator
from .matrix_operators import LevelsOperator
from .spectral_operator import SpectralOperator
from .state import AccumulatedGradient, LevelTensors


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
    operator = make_levels_operator(stack)
    change = stack.canvas - stack.start
    parameters = stack.parameters
    if parameters is None or stack.spec.frozen:
        return compute_least_norm_levels(change, stack, operator)
    if isinstance(parameters, LevelTensors):
        return parameters.tensors
    assert isinstance(parameters, AccumulatedGradient)
    if stack.spec.method == "exact":
        return operator.adjoint(parameters.gradient).tensors
    return operator.recover_levels(change, parameters.gradient)


def compute_least_norm_levels(canvas: Tensor, stack: ImageStack, operator: LevelsOperator) -> tuple[Tensor, ...]:
    """Return levels of nearly the least norm that sum to a canvas, as far as they can show it.

    Args:
        canvas: (B, 3, H, W), in the colour space of the stack.
        stack: gives the levels and their gains.
        operator: what `make_levels_operator` returns for the stack.

    Returns:
        The levels (B, 3, h_r, w_r), coarse to fine, without their gains.
    """
    spectral = _make_unfrozen_operator(stack, "spectral")
    assert isinstance(spectral, SpectralOperator)
    return operator.recover_levels(canvas, spectral.minimum_norm_gradient(canvas))


def make_levels_operator(stack: ImageStack) -> LevelsOperator:
    """Return the operator of a stack in the form `layers`, without its frozen bands.

    Args:
        stack: any stack.
    """
    operator = _make_unfrozen_operator(stack, "layers")
    assert isinstance(operator, LevelsOperator)
    return operator


def _make_unfrozen_operator(stack: ImageStack, method: Any) -> StackOperator[Any]:
    """Return the operator of a stack in the form `method`, without its frozen bands."""
    # Frozen bands do not move, but they are a part of the canvas, and so belong to its levels.
    return replace(as_pyramid(stack).spec, frozen=()).operator(stack.canvas.device, method)
