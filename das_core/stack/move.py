"""Gives a stack another canvas, and updates its parameters so that they still describe the change from its start."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from .image_stack import ImageStack
from .linear_operator import StackOperator


def move_canvas(stack: ImageStack, canvas: Tensor, operator: StackOperator[Any]) -> ImageStack:
    """Return a stack with another canvas; if the stack has parameters, they are updated to match.

    A stack with neither parameters nor frozen bands gets exactly this canvas. With parameters, the change of the canvas
    is converted to parameters that stand for it (`StackOperator.invert`). They are added to those of the stack, and the
    new canvas is computed from the sum. So two parts of the change are lost: what no level can show; and, in the forms
    `exact` and `layers`, some percent of the rest, because the conversion uses the form `spectral`. With or without
    parameters, frozen bands do not move.

    Args:
        stack: the stack, which is not changed.
        canvas: the new canvas, (B, 3, H, W), in the colour space of the stack, before the tanh.
        operator: the operator of the stack.

    Example:
        >>> import torch
        >>> from das_core import SGD, Ascent, ImageStack, prior, StackSpec
        >>> from das_core.stack import move_canvas
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> climbed = Ascent(stack, [prior()], steps=2, optimizer=SGD(learning_rate=100)).run().stack
        >>> operator = climbed.spec.operator(torch.device("cpu"))
        >>> moved = move_canvas(climbed, climbed.canvas * 0.5, operator)
        >>> round(float((moved.canvas - climbed.canvas * 0.5).abs().max()), 3)
        0.0
        >>> round(float((moved.start + operator.forward(moved.parameters) - moved.canvas).abs().max()), 3)
        0.0
    """
    if stack.parameters is None and not stack.spec.frozen:
        # Not `stack.canvas + change`: its rounding would alter values that the new canvas leaves unchanged.
        return replace(stack, canvas=canvas)
    change = canvas - stack.canvas
    if stack.parameters is None:
        return replace(stack, canvas=stack.canvas + operator.remove_frozen(change))
    parameters = stack.parameters.add(operator.invert(change), alpha=1.0)
    return replace(stack, canvas=stack.start + operator.forward(parameters), parameters=parameters)
