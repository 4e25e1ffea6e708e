"""The protocol of optimizers, which are rules that move a stack along a gradient; their state is kept in the stack."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.state import OptimizerState
from .pace import Pace

_LARGEST = 1e30
"""The largest step size or learning rate that is allowed: larger ones could overflow float32."""

Evaluate = Callable[[Tensor], Tensor]
"""A function that takes a canvas (B, 3, H, W) and returns the gradient of the score there, (B, 3, H, W)."""


class Optimizer(Protocol):
    """A rule for moving a stack along a gradient.

    An optimizer holds settings only and never changes. What it keeps from step to step is in the stack
    (`OptimizerState`).

    Example:
        >>> from das_core import SGD, Adam, NormalizedAscent
        >>> from das_core.ascent import Optimizer
        >>> def summarise(optimizer: Optimizer) -> str:
        ...     return f"{optimizer.kind}: coarse for {optimizer.coarse_share:.0%} of the steps"
        >>> [summarise(optimizer) for optimizer in (NormalizedAscent(), SGD(), Adam())]
        ['ascent: coarse for 60% of the steps', 'sgd: coarse for 0% of the steps', 'adam: coarse for 0% of the steps']
    """

    @property
    def kind(self) -> str:
        """The name of the kind of optimizer. An optimizer ignores a state in the stack that has another kind."""
        ...

    @property
    def needs_levels(self) -> bool:
        """Whether the parameters of the stack must be the levels as tensors (`LevelTensors`)."""
        ...

    @property
    def level_sets(self) -> int:
        """How many sets of levels a step of a stack with the method `layers` holds, a set with a tensor for each level.

        The parameters of the stack, the state of the optimizer, and temporary tensors are such sets.
        """
        ...

    @property
    def kept_canvases(self) -> int:
        """How many tensors of the size of the canvas the state has, beside a velocity; most optimizers have none."""
        ...

    @property
    def coarse_share(self) -> float:
        """The share of the steps, 0..1, that belong to the coarse part of the ascent; 0 for none."""
        ...

    @property
    def tilt(self) -> float:
        """The exponent t of f^-t, by which K is multiplied at the first step (f is the frequency); see `pace_at`."""
        ...

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack after one step, with a new canvas and the parameters and optimizer state that go with it.

        An optimizer that moves only the canvas sets the parameters to None. The caller counts the step
        (`ImageStack.steps`).

        Args:
            stack: the stack before the step, which is not changed.
            gradient: the gradient of the score at the canvas, (B, 3, H, W).
            operator: the operator K of the stack (`StackOperator`).
            pace: the rate, the cutoff of K and the tilt of this step.
            mask: where at least one objective acts, (B, 1, H, W), 0..1; None for everywhere. The gradient is already 0
                outside the mask. `NormalizedAscent` and `LBFGS` measure the size of a step over the pixels under the
                mask.
            evaluate: a function that returns the gradient at another canvas, with the same views; only `LBFGS` uses it.
        """
        ...


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless a setting is above 0 and at most 1e30; NaN is refused, too."""
    if not 0 < value <= _LARGEST:
        raise ValueError(f"{name} {value} must be above 0 and at most {_LARGEST:g}")


def check_momentum(value: float) -> None:
    """Raise ValueError unless a momentum is at least 0 and below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"momentum {value} is not between 0 (none) and 1 (excluded); 0.9 is strong")


def recall_state(stack: ImageStack, kind: str, shapes: list[torch.Size]) -> OptimizerState | None:
    """Return the optimizer state of a stack if it is of this kind and its tensors have these shapes, else None."""
    old = stack.optimizer_state
    return old if old is not None and old.kind == kind and [t.shape for t in old.tensors] == shapes else None
