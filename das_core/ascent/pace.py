"""The pace of an ascent: how large each step is, and how fine its changes may be."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from ..common.choices import check_choice
from ..common.text import shorten

ScheduleName = Literal["constant", "cosine"]
"""The schedules that have a name: `cosine` shrinks the steps after the coarse part, see `pace_at`."""

Schedule = ScheduleName | Callable[[float], float]
"""How the step size changes over an ascent: a name, or a function. The function takes the share of the ascent that is
over, 0 at the first step and 1 at the last. It returns the factor of the step size, 0..1."""

COARSEST_CUTOFF = 20.0
"""The cutoff of the low-pass at the first step of an ascent, in half-waves across the short side of the canvas.

A half-wave of this frequency, a bright or a dark blob, is a twentieth of the short side long.
"""

FINEST_CUTOFF = 1.2
"""The cutoff at the end of the coarse part, as a multiple of the finest frequency of the canvas.

The finest frequency has about as many half-waves across the short side as the side has pixels. The cutoff lies above
this frequency, so the low-pass weakens even the finest waves little: those along an axis are multiplied by 0.7, those
along a diagonal by 0.5. Therefore little changes when the low-pass ends.
"""


LAST_TILT = 0.3
"""The share of the tilt that is left at the last step."""


@dataclass(frozen=True)
class Pace:
    """The state of the schedules at a step: its rate, its progress and its tilt.

    Args:
        rate: the factor of the step size, 0..1.
        coarse_progress: the share of the coarse part that is over, 0..1; 1 if there is no coarse part.
        progress: the share of the whole ascent that is over, 0 at the first step and 1 at the last.
        tilt: the exponent t of f^-t, by which K is multiplied at frequency f, see `StackOperator.precondition`.
    """

    rate: float
    coarse_progress: float
    progress: float = 1.0
    tilt: float = 0.0

    def cutoff(self, short_side: int) -> float | None:
        """Return the cutoff of the low-pass by which K is filtered at the step.

        Over the coarse part, the cutoff rises by the same factor at every step.

        Args:
            short_side: the short side of the canvas in pixels.

        Returns:
            The cutoff in half-waves across the short side; None after the coarse part, when K is not filtered.

        Example:
            >>> [Pace(rate=1.0, coarse_progress=share).cutoff(336) for share in (0.0, 1.0)]
            [20.0, None]
        """
        if self.coarse_progress >= 1:
            return None
        # On a canvas of less than 17 pixels, the cutoff is `COARSEST_CUTOFF` throughout: it must not fall.
        finest = max(FINEST_CUTOFF * short_side, COARSEST_CUTOFF)
        return float(COARSEST_CUTOFF * (finest / COARSEST_CUTOFF) ** self.coarse_progress)


def pace_at(step: int, steps: int, schedule: Schedule, coarse_share: float, tilt: float = 0.0) -> Pace:
    """Return the pace of a step.

    Args:
        step: the number of the step, from 0.
        steps: the number of steps of the ascent.
        schedule: `constant` keeps the rate at 1. `cosine` keeps it at 1 during the coarse part, then lowers it toward 0
            along half a cosine wave. If all steps belong to the coarse part (`coarse_share` 1), `cosine` keeps it at 1
            throughout. A function takes the progress of the step, 0 at the first and 1 at the last, and returns its
            rate, 0..1.
        coarse_share: the share of the steps, 0..1, that belong to the coarse part.
        tilt: the tilt at the first step. It falls linearly to 0.3 times this value at the last step.

    Raises:
        ValueError: when there is no such schedule, or a function returns no number in 0..1.

    Example:
        >>> paces = [pace_at(step, steps=10, schedule="cosine", coarse_share=0.6) for step in (0, 3, 6, 8)]
        >>> [(round(pace.rate, 2), round(pace.coarse_progress, 2)) for pace in paces]
        [(1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)]
        >>> [pace_at(step, 3, lambda progress: 1 - progress / 2, coarse_share=0.6).rate for step in range(3)]
        [1.0, 0.75, 0.5]
    """
    done, progress = step / steps, step / max(1, steps - 1)
    coarse_progress = min(1.0, done / coarse_share) if coarse_share else 1.0
    rate = 1.0
    if callable(schedule):
        rate = _ask_rate(schedule, progress)
    else:
        check_choice("schedule", schedule, get_args(ScheduleName))
        if schedule == "cosine" and coarse_progress >= 1:
            rate = 0.5 * (1 + math.cos(math.pi * (done - coarse_share) / (1 - coarse_share)))
    return Pace(rate, coarse_progress, progress, tilt * (1 - (1 - LAST_TILT) * progress))


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
    """Return the pace for a picture that is still partly hidden by noise, as in a step of a diffusion sampler.

    The rate of this pace is 1 and its tilt 0. Its `coarse_progress` depends on the noise.

    At f half-waves across their side, natural pictures have a power of A / f^2 (Field, 1987), where A is a constant.
    White noise has the same power at every frequency. So a picture with N samples a side and a standard deviation of 1
    is stronger than noise with a standard deviation of s up to the frequency N / s * sqrt(2 / (pi ln N)). Here N is
    `short_side` and s is `noise`. The sampler has now fixed the part of the picture below this frequency. It draws the
    finer part later, so a change of the finer part would have no effect yet. The `coarse_progress` of the pace is
    linear in the logarithm of this frequency: 0 up to `COARSEST_CUTOFF`, and 1 from `FINEST_CUTOFF` times `short_side`
    on. If `short_side` is at most 16, `FINEST_CUTOFF` times `short_side` is below `COARSEST_CUTOFF`; the
    `coarse_progress` is then 1.

    Args:
        noise: the standard deviation of the noise divided by that of the picture, from 0 up; infinite if there is only
            noise.
        short_side: the number of samples along the short side of the noisy picture, which is the latent of a diffusion
            model.
        progress: the share of the guided part of the sampling that is over, 0..1.

    Example:
        >>> from das_core.ascent.pace import pace_at_noise
        >>> [round(pace_at_noise(noise, 64, progress=0).coarse_progress, 2) for noise in (14.6, 1.0, 0.6, 0.2)]
        [0.0, 0.17, 0.55, 1.0]
    """
    finest = FINEST_CUTOFF * short_side
    if noise <= 0 or finest <= COARSEST_CUTOFF:
        return Pace(1.0, 1.0, progress)
    settled = short_side / noise * math.sqrt(2 / (math.pi * math.log(short_side)))
    share = math.log(max(settled, COARSEST_CUTOFF) / COARSEST_CUTOFF) / math.log(finest / COARSEST_CUTOFF)
    return Pace(1.0, min(1.0, share), progress)
