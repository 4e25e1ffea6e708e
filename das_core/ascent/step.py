"""One step of an ascent: the gradient, the optimizer, the denoiser and the bound, one after the other.

The method is Direct Ascent Synthesis (Fort and Whitaker, 2025, arXiv 2502.07753, section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from .denoising import Denoising
from .gradient import ScoreGradient
from .measurement import check_canvas, check_gradient, measure_step
from .optimizers import Optimizer, recall_state
from .pace import Pace
from .result import Step, measure_gradient_strength
from .within import Within


@dataclass(frozen=True, eq=False)
class AscentStep:
    """A function from a stack to the stack after one step."""

    gradient: ScoreGradient
    operator: StackOperator[Any]
    optimizer: Optimizer
    denoising: Denoising | None = None
    within: Within | None = None

    def __call__(self, stack: ImageStack, pace: Pace, chunk: int, *, is_first: bool) -> tuple[Step, Tensor]:
        """Return the step from a prepared stack (`prepare_stack`), and the strength of its gradient at every pixel, (B,
        H, W).

        If all weights are 0 at this step, only the count of steps in the stack changes.
        """
        scoring, number = self.gradient.scoring, stack.steps
        counts = scoring.plan.counts_at(pace.progress)
        gradient, scores = self.gradient(stack.canvas, number, pace, self.operator, chunk)
        moved, strength = stack, measure_gradient_strength(gradient)
        mask = scoring.support.mask
        if counts:
            moved = self.optimizer.step(stack, gradient, self.operator, pace, mask)
        # Measured after the optimizer, so that the step waits for the GPU only once. So a zero gradient is noticed
        # here, and not before the optimizer.
        measured = measure_step(number, scores, gradient, moved.canvas, as_one=scoring.plan.is_series)
        if counts:
            check_gradient(gradient, measured, is_first=is_first)
            check_canvas(moved.canvas, measured, is_first=is_first)
            # The memory of the gradient is freed for the denoiser.
            del gradient
            if self.denoising is not None:
                moved = self.denoising.step(moved, self.operator, pace.progress, mask)
            moved = _hold_still(stack, self._set_back(moved), measured.record.still)
        record = measured.record if counts else replace(measured.record, still=())
        return Step(record, replace(moved, steps=number + 1)), strength

    def _set_back(self, stack: ImageStack) -> ImageStack:
        """Return the stack with its canvas projected onto the bound, or onto the Fourier magnitudes of the start."""
        if self.within is not None:
            return self.within.project(stack)
        if stack.spec.keeps_magnitudes:
            return replace(stack, canvas=self.operator.retract(stack.canvas, stack.start))
        return stack


def _hold_still(before: ImageStack, after: ImageStack, images: Sequence[int]) -> ImageStack:
    """Return the stack `after` a step with some of its images as they were `before`, momentum included."""
    if not images:
        return after

    def hold(new: Tensor, old: Tensor) -> Tensor:
        held = new.clone()
        for image in images:
            held[image] = old[image]
        return held

    def hold_all(new: Sequence[Tensor], old: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(hold(*pair) for pair in zip(new, old, strict=True))

    parameters, state = after.parameters, after.optimizer_state
    if parameters is not None and before.parameters is not None:
        parameters = replace(parameters, tensors=hold_all(parameters.tensors, before.parameters.tensors))
    if state is not None:
        old = recall_state(before, state.kind, [tensor.shape for tensor in state.tensors])
        state = state if old is None else replace(state, tensors=hold_all(state.tensors, old.tensors))
    canvas = hold(after.canvas, before.canvas)
    return replace(after, canvas=canvas, parameters=parameters, optimizer_state=state)
