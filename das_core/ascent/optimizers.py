"""The base class of optimizers, which are rules that move a stack along a gradient."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.spec import StackSpec
from ..stack.state import OptimizerState
from .pace import Pace

LARGEST = 1e30  # Of step sizes and learning rates: larger ones could overflow float32.
STRONGEST = 0.9999  # Of momenta: at 1, a velocity would only grow.


class Optimizer(ABC):
    """A rule for moving a stack along a gradient; what it remembers is in the stack (`OptimizerState`).

    Attributes:
        kind: its name. A state in the stack of another kind is ignored.
        needs_levels: whether it moves levels, pixels or coefficients as tensors (`FactoredOperator`).
        level_sets: how many tensors for each level a step of the method `layers` holds, for the estimate of memory.
        denoised: whether an ascent has a denoiser if none is chosen.
        draws: whether it sets the whole canvas itself, so that no denoiser may act on it.
        coarse_to_fine: the share of the steps, 0..1, that belong to the coarse part of the ascent; 0 for none.
        tilt: the exponent t of f^-t, by which K is multiplied at the frequency f at the first step.
    """

    kind: ClassVar[str]
    needs_levels: ClassVar[bool] = False
    level_sets: ClassVar[int] = 1
    denoised: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    coarse_to_fine: float = 0.0
    tilt: float = 0.0

    def check(self, spec: StackSpec) -> None:
        """Raise a ValueError when this optimizer cannot move the stacks of a spec, such as films."""
        if spec.time is not None and self.needs_levels:
            raise ValueError(
                f"{type(self).__name__} moves every picture by itself and not a film; choose NormalizedAscent "
                "('ascent') or SGD ('sgd')"
            )

    @abstractmethod
    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step, with a new canvas, and the state that goes with it.

        The gradient (B, 3, H, W) of the score at the canvas is 0 outside the mask (B, 1, H, W), where objectives act;
        None is everywhere. The caller counts.
        """


def recall_state(stack: ImageStack, kind: str, shapes: list[torch.Size]) -> OptimizerState | None:
    """Return the optimizer state of a stack if it is of this kind and its tensors have these shapes, else None."""
    old = stack.optimizer_state
    return old if old is not None and old.kind == kind and [t.shape for t in old.tensors] == shapes else None
