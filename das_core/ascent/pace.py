"""The pace of an ascent: how large each step is, and how fine its changes may be."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from ..common.choices import check_choice
from ..common.text import shorten

ScheduleName = Literal["constant", "cosine"]  # The schedules that have a name, see `pace_at`.
Schedule = ScheduleName | Callable[[float], float]  # Or a function from the progress, 0..1, to the factor of a step.
COARSEST_CUTOFF = 20.0  # The cutoff of the low-pass at the first step, in half-waves across the short side.
FINEST_CUTOFF = 1.2  # The cutoff at the end of the coarse part, as a multiple of the finest frequency of the canvas.


@dataclass(frozen=True)
class Pace:
    """The state of the schedules at a step: the factor of the step size, the shares of the coarse part (1 if there is
    none) and of the whole ascent that are over, 0..1, and the exponent t of f^-t, by which K is multiplied."""

    rate: float
    coarse_progress: float
    progress: float = 1.0
    tilt: float = 0.0

    def cutoff(self, short_side: int) -> float | None:
        """Return the cutoff of the low-pass of K, in half-waves across the short side; None after the coarse part."""
        if self.coarse_progress >= 1:
            return None
        # On a canvas of less than 17 pixels, the cutoff is `COARSEST_CUTOFF` throughout: it must not fall.
        finest = max(FINEST_CUTOFF * short_side, COARSEST_CUTOFF)
        return float(COARSEST_CUTOFF * (finest / COARSEST_CUTOFF) ** self.coarse_progress)


def pace_at(step: int, steps: int, schedule: Schedule, coarse_share: float, tilt: float = 0.0) -> Pace:
    """Return the pace of a step, from 0; its tilt falls linearly to 0.3 times `tilt`. `constant` keeps the rate at 1.
    `cosine` does so during the coarse part, then lowers it along half a cosine wave."""
    done, progress = step / steps, step / max(1, steps - 1)
    coarse_progress = min(1.0, done / coarse_share) if coarse_share else 1.0
    rate = 1.0
    if callable(schedule):
        rate = _ask_rate(schedule, progress)
    else:
        check_choice("schedule", schedule, get_args(ScheduleName))
        if schedule == "cosine" and coarse_progress >= 1:
            rate = 0.5 * (1 + math.cos(math.pi * (done - coarse_share) / (1 - coarse_share)))
    return Pace(rate, coarse_progress, progress, tilt * (1 - (1 - 0.3) * progress))


def _ask_rate(schedule: Callable[[float], float], progress: float) -> float:
    """Return the rate that a function gives for a progress; raise ValueError if it is no number in 0..1."""
    answer = schedule(progress)
    try:
        rate = float(answer)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        rate = math.nan
    if not 0 <= rate <= 1:
        raise ValueError(
            f"the schedule returns {shorten(answer)} at a progress of {progress:.3g}; it must return a number in 0..1, "
            "which the step size is multiplied by: for larger steps raise the step size of the optimizer"
        )
    return rate


def pace_at_noise(noise: float, short_side: int, progress: float) -> Pace:
    """Return the pace for a picture under noise of `noise` times its deviation (docs/method.md, Guiding a diffusion
    model); `coarse_progress` is linear in the logarithm of the finest frequency that is stronger than the noise."""
    finest = FINEST_CUTOFF * short_side
    if noise <= 0 or finest <= COARSEST_CUTOFF:
        return Pace(1.0, 1.0, progress)
    settled = short_side / noise * math.sqrt(2 / (math.pi * math.log(short_side)))
    share = math.log(max(settled, COARSEST_CUTOFF) / COARSEST_CUTOFF) / math.log(finest / COARSEST_CUTOFF)
    return Pace(1.0, min(1.0, share), progress)
