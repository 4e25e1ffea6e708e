"""Sums of groups of levels of a stack, computed level by level to save memory.

`decompose` keeps all levels of a stack at once. The 156 default levels of a canvas of 624 x 624 pixels take as much
memory as fifty canvases, and the matrices that resize the levels come in addition. A sum needs only one level at a
time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..common.products import multiply_both_sides
from .bicubic import bicubic_matrix
from .conversion import as_pyramid
from .image_stack import ImageStack
from .levels import level_shape
from .state import AccumulatedGradient, LevelTensors


def sum_groups(stack: ImageStack, groups: Sequence[Sequence[int]]) -> Iterator[Tensor]:
    """Yield the sum of each group of levels, as `Decomposition.sum_levels` returns it, with less memory.

    Args:
        stack: any stack.
        groups: the indices of the levels in each group; 0 is the coarsest level. Together the groups contain every
            level once, in order.

    Yields:
        A canvas (B, 3, H, W) for each group. The canvases sum to `stack.canvas`: the last canvas also contains the
            detail that no level can show.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.band_sums import sum_groups
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)))
        >>> coarse, fine = sum_groups(stack, [[0, 1], [2]])
        >>> round(float(coarse.std()), 2), round(float(fine.std()), 2)
        (1.0, 0.08)
    """
    stack = as_pyramid(stack)
    gradient, moved = _find_parameters(stack)
    left = stack.canvas
    for numbers in groups[:-1]:
        canvas = torch.zeros_like(left)
        for number in numbers:
            canvas += _enlarge(stack, number, gradient, moved)
        left = left - canvas
        yield canvas
    # The remainder is the sum of the last group and of what no level can show, so neither has to be computed.
    yield left


def estimate_sum_bytes(stack: ImageStack) -> int:
    """Return about how many bytes `sum_groups` needs.

    Args:
        stack: the stack.
    """
    height, width = stack.spec.canvas
    spectral = replace(stack.spec, method="spectral").operator_bytes()
    # Seven float32 tensors of the size of the canvas: the gradient, the sum, the remainder, an enlarged level and
    # three intermediate products. Two float32 matrices for the finest level.
    return 4 * 3 * stack.batch * height * width * 7 + spectral + 2 * 4 * max(height, width) ** 2


def _find_parameters(stack: ImageStack) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """Return a gradient G and tensors P_r, one for each level r, from which the levels of the canvas can be computed.

    Level r is g_r A_r' G B_r + P_r. Here g_r is the gain of the level, A_r and B_r are the matrices that resize its
    rows and its columns to the canvas (`linear_operator`), and ' stands for the transpose. If the parameters of the
    stack are levels and no band is frozen, the P_r are these parameters. Otherwise every P_r is 0, and None is returned
    in place of these tensors.

    Levels computed in this way may sum to the canvas only approximately. `decompose` adds the difference to the finest
    level; apart from that it returns the same levels.
    """
    spectral = replace(stack.spec, frozen=(), method="spectral").operator(stack.canvas.device)
    zero = torch.zeros_like(stack.start)
    start = spectral.invert(stack.start).tensors[0] if bool(stack.start.any()) else zero
    parameters = stack.parameters
    if parameters is None or stack.spec.frozen:
        return start + spectral.invert(stack.canvas - stack.start).tensors[0], None
    if isinstance(parameters, LevelTensors):
        return start, parameters.tensors
    assert isinstance(parameters, AccumulatedGradient)
    return start + parameters.gradient, None


def _enlarge(stack: ImageStack, number: int, gradient: Tensor, moved: tuple[Tensor, ...] | None) -> Tensor:
    """Return one level, resized to the canvas and multiplied by its gain: g A (g A' G B + P) B'.

    The bracket is the level before it is resized. Here g is its gain, A and B are the matrices that resize its rows
    and its columns to the canvas, and ' stands for the transpose.

    Args:
        stack: the stack.
        number: the index of the level; 0 is the coarsest level.
        gradient: G, a gradient at the canvas (B, 3, H, W), from which all levels are computed.
        moved: the tensor P of every level, which is added to what comes from G; None if P is 0 for all levels. Both
            are what `_find_parameters` returns.
    """
    spec, gain = stack.spec, stack.spec.gains[number]
    shape = level_shape(spec.levels[number], spec.canvas)
    rows, columns = (
        bicubic_matrix(size, side, spec.tile, gradient.dtype).to(gradient)
        for size, side in zip(shape, spec.canvas, strict=True)
    )
    level = gain * multiply_both_sides(rows.T, gradient, columns)
    if moved is not None:
        level = level + moved[number]
    return gain * multiply_both_sides(rows, level, columns.T)
