"""Curves along which a value changes, such as a setting during an ascent."""

import math
from typing import Literal, get_args

from .choices import check_choice

Curve = Literal["linear", "cosine", "step"]
"""How a value changes: `linear` evenly, `cosine` slowly at both ends, `step` all at once in the middle."""


def check_curve(curve: Curve) -> None:
    """Raise a ValueError unless `curve` is the name of a curve."""
    check_choice("curve", curve, get_args(Curve))


def interpolate(start: float, end: float, curve: Curve, progress: float) -> float:
    """Return the value of a setting that goes from `start` to `end`, at a progress of 0..1."""
    share = {"linear": progress, "cosine": (1 - math.cos(math.pi * progress)) / 2, "step": float(progress >= 0.5)}
    return start + (end - start) * share[curve]
