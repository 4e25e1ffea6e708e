"""What an ascent returns: a record of every step, the result, and the error when it cannot go on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..stack.image_stack import ImageStack

# A few pixels with a huge gradient would leave all others in the dark.
_BRIGHT_SHARE = 0.01


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
    """What an ascent has come to.

    Args:
        image: the picture, (B, 3, height, width), 0..1.
        stack: what another ascent can go on from.
        history: the record of every step.
        importance: (B, height, width), 0..1, bright where the gradient was large, over all steps. What the models never
            looked at stays dark. Fel et al. use it as a transparency mask: Unlocking Feature Visualization with
            Magnitude Constrained Optimization (2023, arXiv 2306.06805, section 3.3).
    """

    image: Tensor
    stack: ImageStack
    history: tuple[Record, ...]
    importance: Tensor


def check_gradient(gradient: Tensor, record: Record, weights: Mapping[str, float], *, is_first: bool) -> None:
    """Raise an error when a gradient leads nowhere.

    Args:
        gradient: (B, 3, H, W), at the canvas.
        record: what the step measured.
        weights: the weight of every objective at this step, by name.
        is_first: whether no step was done before.

    Raises:
        AscentError: the gradient is not a number or vanished, or all weights are 0.
    """
    where = f"step {record.step + 1}"
    last = "there is no good image yet" if is_first else f"the last good image is that of step {record.step}"
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


def measure_gradient_strength(gradient: Tensor) -> Tensor:
    """Return the size (B, H, W) of a gradient (B, 3, H, W), scaled to mean 1 in every image: all steps count alike."""
    # Several times faster than norm over this axis.
    strength = gradient.square().sum(dim=1).sqrt_()
    mean = strength.mean(dim=(1, 2), keepdim=True)
    return strength / mean.clamp(min=torch.finfo(mean.dtype).tiny)


def make_importance_mask(strength: Tensor) -> Tensor:
    """Return the summed strength (B, h, w) of many steps as a mask, 0..1; its brightest hundredth is white."""
    flat = strength.flatten(1)
    brightest = max(1, round(flat.shape[1] * (1 - _BRIGHT_SHARE)))
    white = flat.kthvalue(brightest, dim=1).values[:, None, None]
    return (strength / white.clamp(min=torch.finfo(white.dtype).tiny)).clamp(0, 1)
