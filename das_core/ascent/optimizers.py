"""The base class of optimizers, which are rules that move a stack along a gradient."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

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
    """A rule for moving a stack along a gradient. One of your own is a frozen dataclass that inherits it.

    What it remembers from step to step (`remember`, `recall`) is in the stack, so that a saved stack goes on.

    Attributes:
        kind: its name; by default that of the class. What a stack remembers of another kind is ignored.
        needs_levels: whether it moves levels, pixels or coefficients as tensors, by a `Parametrization`.
        level_sets: how many tensors for each level a step of the method `layers` holds, for the estimate of memory.
        denoised: whether an ascent has a denoiser if none is chosen.
        coarse_to_fine: the share of the steps, 0..1, that belong to the coarse part of the ascent; 0 for none.
        tilt: the exponent t of f^-t, by which K is multiplied at the frequency f at the first step.

    Example:
        >>> from dataclasses import dataclass, replace
        >>> import direct_ascent as da
        >>> @dataclass(frozen=True)
        ... class SignAscent(da.ascent.Optimizer):
        ...     distance: float = 0.05
        ...
        ...     def step(self, stack, gradient, operator, pace, mask=None):
        ...         moved = operator.precondition(gradient).sign()
        ...         return replace(stack, canvas=stack.canvas + self.distance * pace.rate * moved)
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> after = da.Ascent(stack, [da.prior("total_variation")], steps=1, optimizer=SignAscent()).run().stack
        >>> (after.canvas - stack.canvas).abs().max()
        tensor(0.0500)
    """

    kind: ClassVar[str]
    needs_levels: ClassVar[bool] = False
    level_sets: ClassVar[int] = 1
    denoised: ClassVar[bool] = False
    coarse_to_fine: float = 0.0
    tilt: float = 0.0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = getattr(cls, "kind", cls.__name__)

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
        """Return the stack after one step, with a new canvas, and in `optimizer_state` what it remembers.

        Args:
            stack: the stack before; it is not changed.
            gradient: that of the score at the canvas, (B, 3, H, W); 0 where no objective acts.
            operator: the operator K, which makes a change of the canvas of a gradient (`precondition`).
            pace: the state of the schedules; `pace.rate` is the factor of the step size.
            mask: where objectives act, (B, 1, H, W); None is everywhere.
        """

    def recall(self, stack: ImageStack, shapes: Sequence[torch.Size]) -> OptimizerState | None:
        """Return what this kind of optimizer has stored in a stack, if its tensors have these shapes, else None."""
        old = stack.optimizer_state
        fits = old is not None and old.kind == self.kind and [t.shape for t in old.tensors] == [*shapes]
        return old if fits else None

    def remember(self, *tensors: Tensor, steps: int = 0) -> OptimizerState:
        """Return what to store in the stack, as its `optimizer_state`: float32 tensors (B, …), and a count of steps."""
        return OptimizerState(self.kind, tensors, steps)
