"""Adam on the levels of a stack, or on what else its parametrisation moves."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.scalars import check_number
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import Parametrization, StackOperator
from .optimizers import LARGEST, Optimizer
from .pace import Pace

# The decay rates of the moving averages of the gradient and of its square, the usual ones.
_FADE, _FADE_SQUARE = 0.9, 0.999


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) on the levels, as in imstack (Whitaker, 2021).

    Every value of every level moves about equally far in a step, so pictures have more fine detail and noise than with
    the other optimizers. If the stack has another parametrisation, Adam moves its values, such as pixels.

    Args:
        learning_rate: about how far every value of every level moves in one step, above 0.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8, levels=(1, 8, 48)))
        >>> optimizer = da.ascent.Adam(0.02)
        >>> history = da.Ascent(stack, [da.prior("total_variation")], steps=3, optimizer=optimizer).run().history
        >>> history[-1].scores["total variation"] > history[0].scores["total variation"]
        True
    """

    learning_rate: float = 0.01
    kind: ClassVar[str] = "adam"
    needs_levels: ClassVar[bool] = True
    level_sets: ClassVar[int] = 6

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, 0, LARGEST, "0.01 suits many levels", above=True)

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step of Adam with bias correction; see `Optimizer.step`."""
        assert isinstance(operator, Parametrization)
        gradients = operator.pull(gradient)
        old = self.recall(stack, [g.shape for g in gradients] * 2)
        if old is None:
            old = self.remember(*(torch.zeros_like(g) for g in gradients * 2))
        steps = old.steps + 1
        means, squares = old.tensors[: len(gradients)], old.tensors[len(gradients) :]
        means = tuple(g.lerp(mean, _FADE) for g, mean in pausing(zip(gradients, means, strict=True)))
        pairs = pausing(zip(gradients, squares, strict=True))
        squares = tuple(g.square().lerp(square, _FADE_SQUARE) for g, square in pairs)
        rate = self.learning_rate * pace.rate / (1 - _FADE**steps)
        correction = 1 - _FADE_SQUARE**steps
        pairs = pausing(zip(means, squares, strict=True))
        moved = operator.push(tuple(rate * mean / ((square / correction).sqrt() + 1e-8) for mean, square in pairs))
        state = self.remember(*means, *squares, steps=steps)
        return replace(stack, canvas=stack.canvas + moved, optimizer_state=state)
