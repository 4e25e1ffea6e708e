"""L-BFGS: steps along the gradient, corrected by the curvature of the score along the last steps.

Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", Mathematical Programming 45 (1989).
The curvature is measured by the change of the gradient along a step. The views of an ascent differ from step to step,
so both gradients of this change, before and after the step, are computed with the views of that step, as in
Schraudolph, Yu and Günter, "A Stochastic Quasi-Newton Method for Online Convex Optimization", AISTATS 2007.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.masks import mean_square
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.state import OptimizerState
from .optimizers import Evaluate, check_positive
from .pace import Pace

# The most times that a step is halved, see `_OVERSHOOT`.
_HALVINGS = 3

# A step is halved if it goes too far. The slope of the score along the step is compared at both ends of the step: it
# is positive at the beginning; at the end it must not be below minus this share of the slope at the beginning.
_OVERSHOOT = 0.5


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with the operator K as the first guess of the inverse curvature, for every image of a batch by itself.

    If the views are the same at every step, objectives such as style and content converge in fewer steps than with
    gradient ascent. Each step evaluates the gradient at least twice: at the canvas before the step, and at the canvas
    to which the step leads.

    Args:
        step_size: how far one step may change the canvas (before the tanh), as the root mean square of the change, at a
            rate of 1 (`Pace.rate`). It must be above 0.
        memory: from how many of the last steps the curvature is taken, 1 to 100. 10 is usual.

    Raises:
        ValueError: when a setting is out of range.

    Example:
        >>> from das_core import LBFGS, Ascent, ImageStack, Prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> history = Ascent(stack, [Prior("spectrum")], steps=4, optimizer=LBFGS()).run().history
        >>> history[-1].scores["spectrum"] > history[0].scores["spectrum"]
        True
    """

    step_size: float = 0.12
    memory: int = 10
    kind: ClassVar[str] = "lbfgs"
    needs_levels: ClassVar[bool] = False
    level_sets: ClassVar[int] = 7
    coarse_share: ClassVar[float] = 0.0
    tilt: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        if not 1 <= self.memory <= 100:
            raise ValueError(f"memory {self.memory} is not a number of steps from 1 to 100; 10 is usual")

    @property
    def kept_canvases(self) -> int:
        """A change of the canvas and a change of the gradient for each of the last steps."""
        return 2 * self.memory

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack after one step; `Optimizer.step` explains the arguments.

        `evaluate` must be given, because L-BFGS also needs the gradient at the canvas after the step.
        """
        assert evaluate is not None
        pairs = self._recall_pairs(stack)
        direction = _find_direction(gradient, pairs, operator)
        size = mean_square(direction, mask).mean(dim=1, keepdim=True).sqrt()
        # Without pairs (`_recall_pairs`) the length of the direction is arbitrary, so its RMS is scaled to the step
        # size. With pairs the direction is only scaled down, if its RMS is larger than the step size.
        limit = self.step_size * pace.rate / size.clamp(min=torch.finfo(size.dtype).tiny)
        direction = direction * (limit.clamp(max=1.0) if pairs else limit)
        ahead = _dot(gradient, direction)
        length = torch.ones_like(ahead)
        for halving in range(_HALVINGS + 1):
            change = length * direction
            after = evaluate(stack.canvas + change)
            back = _dot(after, direction) < -_OVERSHOOT * ahead
            if halving == _HALVINGS or not bool(back.any()):
                break
            length = torch.where(back, length / 2, length)
        pairs = (*pairs, (change, gradient - after))[-self.memory :]
        tensors = (*(moved for moved, _ in pairs), *(turned for _, turned in pairs))
        state = OptimizerState(self.kind, tensors, len(pairs))
        return replace(stack, canvas=stack.canvas + change, parameters=None, optimizer_state=state)

    def _recall_pairs(self, stack: ImageStack) -> tuple[tuple[Tensor, Tensor], ...]:
        """Return a pair of tensors for each of the last steps (at most `memory`), oldest first.

        A pair is the change of the canvas, and the gradient before this change minus the gradient after it. There are
        no pairs if the stack has no optimizer state, or a state of another optimizer or for canvases of another size.
        """
        old = stack.optimizer_state
        if old is None or old.kind != self.kind or len(old.tensors) % 2:
            return ()
        if any(one.shape != stack.canvas.shape for one in old.tensors):
            return ()
        half = len(old.tensors) // 2
        return tuple(zip(old.tensors[:half], old.tensors[half:], strict=True))[-self.memory :]


def _find_direction(gradient: Tensor, pairs: tuple[tuple[Tensor, Tensor], ...], operator: StackOperator[Any]) -> Tensor:
    """Return the direction of a step by the two-loop recursion of L-BFGS, for every image by itself.

    If the slope of the score of an image did not fall along a move, the pair of this move says nothing about a maximum,
    and is left out for that image.

    Args:
        gradient: the gradient of the score at the canvas, (B, 3, H, W).
        pairs: for each of the last steps, oldest first: the move of the canvas, and the gradient before the move minus
            the gradient after it.
        operator: the operator K, which is the first guess of the inverse curvature.
    """
    direction, shares = gradient, []
    for moved, fell in pausing(reversed(pairs)):
        curvature = _dot(moved, fell)
        share = torch.where(curvature > 0, _dot(moved, direction) / curvature, 0.0)
        direction = direction - share * fell
        shares.append(share)
    if pairs:
        moved, fell = pairs[-1]
        curvature, scale = _dot(moved, fell), _dot(fell, operator.precondition(fell))
        scaled = torch.where((curvature > 0) & (scale > 0), curvature / scale, 1.0)
        direction = scaled * operator.precondition(direction)
    else:
        direction = operator.precondition(direction)
    for (moved, fell), share in pausing(zip(pairs, reversed(shares), strict=True)):
        curvature = _dot(moved, fell)
        correction = torch.where(curvature > 0, share - _dot(fell, direction) / curvature, 0.0)
        direction = direction + correction * moved
    return direction


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the inner product of two tensors for every image, (B, 1, 1, 1)."""
    return (one * other).sum(dim=(1, 2, 3), keepdim=True)
