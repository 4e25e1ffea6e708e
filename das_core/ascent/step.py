"""One step of an ascent: gradient, optimizer, denoiser and bound (Direct Ascent Synthesis, arXiv 2502.07753)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from .denoising import Denoising
from .gradient import ScoreGradient
from .optimizers import Optimizer
from .pace import Pace
from .result import AscentError, Record, Step, VanishedError, measure_gradient_strength
from .within import Within


@dataclass(frozen=True, eq=False)
class AscentStep:
    """A function from a stack to the stack after one step."""

    gradient: ScoreGradient
    operator: StackOperator
    optimizer: Optimizer
    denoising: Denoising | None = None
    within: Within | None = None

    def __call__(self, stack: ImageStack, pace: Pace, chunk: int, *, is_first: bool) -> tuple[Step, Tensor]:
        """Return the step from a prepared stack (`prepare_stack`), and the strength of its gradient, (B, H, W). If all
        weights are 0 at this step, only the count of steps in the stack changes."""
        scoring, number = self.gradient.scoring, stack.steps
        counts = any(member.term.weight_at(pace.progress) for member in scoring.plan.members)
        gradient, scores = self.gradient(stack.canvas, number, pace, self.operator, chunk)
        moved, strength = stack, measure_gradient_strength(gradient)
        mask = scoring.support.mask
        if counts:
            moved = self.optimizer.step(stack, gradient, self.operator, pace, mask)
        # Measured after the optimizer, a zero gradient too, so that the step waits for the GPU only once.
        measured = measure_step(number, scores, gradient, moved.canvas, as_one=scoring.plan.is_series)
        if counts:
            check_step(measured, gradient, moved.canvas, is_first=is_first)
            del gradient  # Its memory is freed for the denoiser.
            if self.denoising is not None:
                moved = self.denoising.step(moved, self.operator, pace.progress, mask)
            if self.within is not None:
                moved = self.within.project(moved)
            moved = _hold_still(self.optimizer, stack, moved, measured.record.still)
        record = measured.record if counts else replace(measured.record, still=())
        return Step(record, replace(moved, steps=number + 1)), strength


@dataclass(frozen=True)
class Measurement:
    """The numbers read from the device: the record, whether all gradients are zero, and the sum of the canvas."""

    record: Record
    vanished: bool
    canvas_sum: float


def measure_step(
    step: int, scores: Mapping[str, Tensor], gradient: Tensor, canvas: Tensor, *, as_one: bool = False
) -> Measurement:
    """Return the measurements of a step, read from the device at once. With `as_one` none stands still by itself."""
    moves = gradient.any()[None] if as_one else gradient.flatten(1).any(dim=1)
    # If a value is not finite, the sum is not finite either. So one pass over the memory is enough.
    numbers = torch.stack([number.float() for number in (*scores.values(), gradient.norm(), canvas.sum())])
    values = torch.cat([numbers, moves.float()]).tolist()
    *means, norm, total = values[: len(numbers)]
    moving = values[len(numbers) :]
    still = () if as_one else tuple(image for image, moves in enumerate(moving) if not moves)
    return Measurement(Record(step, dict(zip(scores, means, strict=True)), norm, still), not any(moving), total)


def check_step(measured: Measurement, gradient: Tensor, canvas: Tensor, *, is_first: bool) -> None:
    """Raise an AscentError when the gradient is zero for all images, or gradient or canvas are not finite."""
    record = measured.record
    where, names = f"step {record.step + 1}", ", ".join(f"'{name}'" for name in record.scores)
    # A message counts from 1, so the number of the record is that of the step before.
    last = "there is no good image yet" if is_first else f"the last good image is that of step {record.step}"
    # A norm or a sum may overflow although every value is finite: only then every value is checked, which takes longer.
    if not math.isfinite(record.gradient_norm) and not bool(torch.isfinite(gradient).all()):
        broken = ", ".join(f"'{name}'" for name, score in record.scores.items() if not math.isfinite(score))
        raise AscentError(
            f"the gradient of {broken or names} is not a number at {where}; {last}. Lower the step size or learning "
            "rate, or load the model in fp32"
        )
    if measured.vanished:
        raise VanishedError(
            f"the gradient of {names} vanished at {where}: no change of the picture changes the score; {last}. "
            "Use the logit instead of a probability, a smaller step or learning rate, or a start that is not pure "
            "black or white; leave out what another objective cancels; a model of your own must let gradients through "
            "(no torch.no_grad, no detach)"
        )
    if not math.isfinite(measured.canvas_sum) and not bool(torch.isfinite(canvas).all()):
        raise AscentError(
            f"{where} led to a picture that is not a number; {last}. Lower the step size or learning rate"
        )


def _hold_still(optimizer: Optimizer, before: ImageStack, after: ImageStack, images: Sequence[int]) -> ImageStack:
    """Return the stack `after` a step with some of its images as they were `before`, with their state."""
    if not images:
        return after

    numbers = send_to_device(torch.tensor(images), after.canvas.device)

    def hold(new: Tensor, old: Tensor) -> Tensor:
        return new.index_copy(0, numbers, old.index_select(0, numbers))

    state = after.optimizer_state
    if state is not None:
        old = optimizer.recall(before, [tensor.shape for tensor in state.tensors])
        state = state if old is None else replace(state, tensors=tuple(map(hold, state.tensors, old.tensors)))
    return replace(after, canvas=hold(after.canvas, before.canvas), optimizer_state=state)
