"""The pace of an ascent: how far a step goes and how fine it may be, at every moment."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Schedule = Literal["constant", "cosine"]
Curve = Literal["linear", "cosine", "step"]

COARSEST_CUTOFF = 20.0
"""Where the low-pass starts, in half-waves across the short side: shapes of a twentieth of the canvas and larger."""

FINEST_CUTOFF = 1.2
"""Where it ends, as a share of the finest frequency: beyond it, so that the low-pass fades out before it is dropped."""


def check_curve(curve: Curve) -> None:
    """ValueError when there is no such curve."""
    if curve not in get_args(Curve):
        raise ValueError(f"curve '{curve}' is unknown; choose one of {', '.join(get_args(Curve))}")


def between(start: float, end: float, curve: Curve, done: float) -> float:
    """Where something is that goes from `start` to `end`, when the share `done` of the ascent is over, 0..1.

    `linear` goes evenly, `cosine` slowly at both ends, `step` jumps in the middle.
    """
    share = {"linear": done, "cosine": (1 - math.cos(math.pi * done)) / 2, "step": float(done >= 0.5)}[curve]
    return start + (end - start) * share


@dataclass(frozen=True)
class Pace:
    """A moment of an ascent: `rate` scales the step (0..1].

    `opening` tells how much of the coarse part is over, `done` how much of all: 0 at the first step, 1 at the last.
    """

    rate: float
    opening: float
    done: float = 1.0

    def cutoff(self, short_side: int) -> float | None:
        """The low-pass of this moment, in half-waves across `short_side` pixels; None once the coarse part is over."""
        if self.opening >= 1:
            return None
        finest = max(FINEST_CUTOFF * short_side, COARSEST_CUTOFF)
        return float(COARSEST_CUTOFF * (finest / COARSEST_CUTOFF) ** self.opening)


def pace_at(step: int, steps: int, schedule: Schedule, coarse: float) -> Pace:
    """The pace of step `step` of `steps`, the first `coarse` share of which goes from coarse to fine.

    `cosine` goes at full rate while the ascent is coarse, then falls toward zero along a half-wave.
    """
    if schedule not in get_args(Schedule):
        raise ValueError(f"schedule '{schedule}' is unknown; choose one of {', '.join(get_args(Schedule))}")
    done = step / steps
    opening = min(1.0, done / coarse) if coarse else 1.0
    rate = 1.0
    if schedule == "cosine" and opening >= 1:
        rate = 0.5 * (1 + math.cos(math.pi * (done - coarse) / (1 - coarse)))
    return Pace(rate, opening, step / max(1, steps - 1))
