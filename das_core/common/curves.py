"""Curves along which a value changes, such as a setting during an ascent."""

import math
from typing import Literal, get_args

from .choices import check_choice

Curve = Literal["linear", "cosine", "step"]
"""How a value changes: `linear` evenly, `cosine` slowly at both ends, `step` all at once in the middle."""


def check_curve(curve: Curve) -> None:
    """Raise an error unless `curve` is the name of a curve.

    Args:
        curve: the name to check; valid are "linear", "cosine" and "step".

    Raises:
        ValueError: when there is no such curve.
    """
    check_choice("curve", curve, get_args(Curve))


def interpolate(start: float, end: float, curve: Curve, progress: float) -> float:
    """Return the value of a setting that goes from `start` to `end` over an ascent.

    Args:
        start: the value when the ascent begins.
        end: the value when the ascent is over.
        curve: how the value goes from start to end; `step` jumps to the end at a progress of 0.5.
        progress: the share of the ascent that is over, 0..1.

    Example:
        >>> from das_core.common.curves import interpolate
        >>> [round(interpolate(0.0, 10.0, curve, 0.25), 2) for curve in ("linear", "cosine", "step")]
        [2.5, 1.46, 0.0]
    """
    share = {"linear": progress, "cosine": (1 - math.cos(math.pi * progress)) / 2, "step": float(progress >= 0.5)}
    return start + (end - start) * share[curve]
