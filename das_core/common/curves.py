"""Curves along which a value changes over an ascent."""

import math
from typing import Literal, get_args

from .choices import check_choice

Curve = Literal["linear", "cosine", "step"]
"""`linear` changes evenly, `cosine` slowly at both ends, `step` all at once in the middle."""


def check_curve(curve: Curve) -> None:
    """Raise ValueError when there is no such curve."""
    check_choice("curve", curve, get_args(Curve))


def interpolate(start: float, end: float, curve: Curve, progress: float) -> float:
    """Return the value on the way from `start` to `end` when the share `progress` (0..1) of the ascent is over."""
    share = {"linear": progress, "cosine": (1 - math.cos(math.pi * progress)) / 2, "step": float(progress >= 0.5)}
    return start + (end - start) * share[curve]
