"""What is told of an ascent: every step, its end, and why it cannot go on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .stack import ImageStack


class AscentError(ValueError):
    """An ascent that cannot go on; the run's result still holds the last good image."""


@dataclass(frozen=True)
class Record:
    """What one step measured before it moved: mean scores by objective, and the norm of the gradient at the canvas."""

    step: int
    scores: dict[str, float]
    gradient_norm: float


@dataclass(frozen=True)
class Step:
    """One step done: its record, and the stack after it."""

    record: Record
    stack: ImageStack

    def image(self) -> Tensor:
        """The picture (B, 3, height, width), 0..1, rendered when asked for."""
        return self.stack.image()


@dataclass(frozen=True)
class Result:
    """What an ascent came to: the picture, the stack it can be continued from, and the record of every step.

    `importance` (B, height, width), 0..1, is bright where the gradient was large, over all of its steps.
    """

    image: Tensor
    stack: ImageStack
    history: tuple[Record, ...]
    importance: Tensor


def check_gradient(gradient: Tensor, record: Record, weights: Mapping[str, float], *, begun: bool) -> None:
    """AscentError when a gradient (B, 3, H, W) leads nowhere; `begun` tells whether a step was done before."""
    where = f"step {record.step + 1}"
    last = f"the last good image is that of step {record.step}" if begun else "there is no good image yet"
    # A look at every pixel only when the norm gives reason to: it may also be no more than too large.
    if not math.isfinite(record.gradient_norm) and not bool(torch.isfinite(gradient).all()):
        broken = [name for name, score in record.scores.items() if not abs(score) < float("inf")]
        names = ", ".join(f"'{name}'" for name in broken or record.scores)
        raise AscentError(
            f"the gradient of {names} is not a number at {where}; {last}. Lower the step size or learning rate, "
            "or load the model in fp32"
        )
    if not any(weights.values()):
        raise AscentError(
            f"the weights of all objectives are 0 at {where}, so there is nothing to climb; {last}. Let a schedule "
            "start and end elsewhere, or connect an objective without one"
        )
    if not bool(gradient.flatten(1).any(dim=1).all()):
        names = ", ".join(f"'{name}'" for name in record.scores)
        raise AscentError(
            f"the gradient of {names} vanished at {where}: no change of the picture changes the score; {last}. "
            "Use the logit instead of a probability, a smaller step or learning rate, or a start that is not pure "
            "black or white"
        )
