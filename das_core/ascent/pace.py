"""The pace of an ascent: how far a step goes and how fine it may be, at every moment."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..common.choices import check_choice

Schedule = Literal["constant", "cosine"]

COARSEST_CUTOFF = 20.0
"""Where the low-pass starts, in half-waves across the short side: shapes of a twentieth of the canvas and larger."""

FINEST_CUTOFF = 1.2
"""Where it ends, as a share of the finest frequency: beyond it, so that the low-pass fades out before it is dropped."""


@dataclass(frozen=True)
class Pace:
    """A moment of an ascent.

    Args:
        rate: what the step size is multiplied by, above 0 and at most 1.
        coarse_progress: the share of the coarse part that is over, 0..1.
        progress: the share of the whole ascent that is over: 0 at the first step, 1 at the last.
    """

    rate: float
    coarse_progress: float
    progress: float = 1.0

    def cutoff(self, short_side: int) -> float | None:
        """Return the low-pass of this moment, in half-waves across `short_side` pixels; None after the coarse part."""
        if self.coarse_progress >= 1:
            return None
        finest = max(FINEST_CUTOFF * short_side, COARSEST_CUTOFF)
        return float(COARSEST_CUTOFF * (finest / COARSEST_CUTOFF) ** self.coarse_progress)


def pace_at(step: int, steps: int, schedule: Schedule, coarse_share: float) -> Pace:
    """Return the pace of a step.

    Args:
        step: the number of the step, from 0.
        steps: how many there are.
        schedule: `cosine` goes at full rate while the ascent is coarse, then falls toward zero along a half-wave;
            `constant` goes at full rate all the time.
        coarse_share: the share of the steps, 0..1, that go from coarse to fine.

    Raises:
        ValueError: there is no such schedule.
    """
    check_choice("schedule", schedule, get_args(Schedule))
    done = step / steps
    coarse_progress = min(1.0, done / coarse_share) if coarse_share else 1.0
    rate = 1.0
    if schedule == "cosine" and coarse_progress >= 1:
        rate = 0.5 * (1 + math.cos(math.pi * (done - coarse_share) / (1 - coarse_share)))
    return Pace(rate, coarse_progress, step / max(1, steps - 1))
