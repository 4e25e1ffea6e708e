"""An objective whose weight changes over the ascent."""

from dataclasses import dataclass

from ..schedule import Curve, between, check_curve
from .lines import check_weight
from .wrapped import WrappedObjective


@dataclass(frozen=True)
class ScheduledObjective(WrappedObjective):
    """An objective whose weight is multiplied by a factor that goes from `start` to `end` over the ascent.

    `linear` goes evenly, `cosine` slowly at both ends, `step` jumps in the middle. Scheduled once more, it has both
    factors.
    """

    start: float = 0.0
    end: float = 1.0
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        check_curve(self.curve)
        check_weight(self.start, "the start")
        check_weight(self.end, "the end")

    @property
    def weight(self) -> float:
        """The largest weight it has at any time, in size: 0 if it never counts."""
        return max(self.start, self.end, key=abs) * super().weight

    def weight_at(self, done: float) -> float:
        """The weight when the share `done` of the ascent is over, 0..1."""
        return between(self.start, self.end, self.curve, done) * super().weight_at(done)
