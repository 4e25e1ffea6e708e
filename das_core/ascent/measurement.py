"""The numbers that a step reads from the device, and the errors for numbers with which an ascent cannot go on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .result import AscentError, Record, VanishedError


@dataclass(frozen=True)
class Measurement:
    """The numbers that a step reads from the device: its record, whether the gradient of all images is zero, and the
    sum of the canvas after the optimizer."""

    record: Record
    vanished: bool
    canvas_sum: float


def measure_step(
    step: int, scores: Mapping[str, Tensor], gradient: Tensor, canvas: Tensor, *, as_one: bool = False
) -> Measurement:
    """Return the measurements of a step; all numbers are read from the device at once.

    Frames and depths (`as_one`) move together, so none of them stands still.
    """
    moves = gradient.any()[None] if as_one else gradient.flatten(1).any(dim=1)
    # If a value is not finite, the sum is not finite either. So one pass over the memory is enough.
    numbers = torch.stack([number.float() for number in (*scores.values(), gradient.norm(), canvas.sum())])
    values = torch.cat([numbers, moves.float()]).tolist()
    *means, norm, total = values[: len(numbers)]
    moving = values[len(numbers) :]
    still = () if as_one else tuple(image for image, moves in enumerate(moving) if not moves)
    return Measurement(Record(step, dict(zip(scores, means, strict=True)), norm, still), not any(moving), total)


def check_gradient(gradient: Tensor, measured: Measurement, *, is_first: bool) -> None:
    """Raise an AscentError when the gradient (B, 3, H, W) is not finite, or is zero for all images."""
    record = measured.record
    where, last = f"step {record.step + 1}", _name_last_image(record, is_first=is_first)
    # The norm may overflow although every value is finite. So if it is not finite, every value is checked. This takes
    # longer, and is not done otherwise.
    if not math.isfinite(record.gradient_norm) and not bool(torch.isfinite(gradient).all()):
        broken = [name for name, score in record.scores.items() if not abs(score) < float("inf")]
        names = ", ".join(f"'{name}'" for name in broken or record.scores)
        raise AscentError(
            f"the gradient of {names} is not a number at {where}; {last}. Lower the step size or learning rate, "
            "or load the model in fp32"
        )
    if measured.vanished:
        names = ", ".join(f"'{name}'" for name in record.scores)
        raise VanishedError(
            f"the gradient of {names} vanished at {where}: no change of the picture changes the score; {last}. "
            "Use the logit instead of a probability, a smaller step or learning rate, or a start that is not pure "
            "black or white; a model of your own must let gradients through (no torch.no_grad, no detach)"
        )


def check_canvas(canvas: Tensor, measured: Measurement, *, is_first: bool) -> None:
    """Raise an AscentError when the canvas after the optimizer has values that are not finite."""
    # The sum may overflow although every value is finite. So if it is not finite, every value is checked. This takes
    # longer, and is not done otherwise.
    if not math.isfinite(measured.canvas_sum) and not bool(torch.isfinite(canvas).all()):
        raise AscentError(
            f"step {measured.record.step + 1} led to a picture that is not a number; "
            f"{_name_last_image(measured.record, is_first=is_first)}. Lower the step size or learning rate"
        )


def _name_last_image(record: Record, *, is_first: bool) -> str:
    """Return the part of an error message that says which step made the last good image, or that there is none yet."""
    # `record.step` counts from 0. The message counts from 1, so this number is that of the step before.
    return "there is no good image yet" if is_first else f"the last good image is that of step {record.step}"
