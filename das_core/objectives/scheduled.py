"""An objective whose weight changes over the ascent."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from ..models.judge import Judge
from ..schedule import Curve, between, check_curve
from .base import Objective
from .lines import check_weight


@dataclass(frozen=True)
class ScheduledObjective:
    """An objective whose weight is multiplied by a factor that goes from `start` to `end` over the ascent.

    `linear` goes evenly, `cosine` slowly at both ends, `step` jumps in the middle. Scheduled once more, it has both
    factors.
    """

    objective: Objective
    start: float = 0.0
    end: float = 1.0
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        check_curve(self.curve)
        check_weight(self.start, "the start")
        check_weight(self.end, "the end")

    @property
    def judge(self) -> Judge | None:
        """The model that is asked."""
        return self.objective.judge

    @property
    def weight(self) -> float:
        """The largest weight it has at any time, in size: 0 if it never counts."""
        return max(self.start, self.end, key=abs) * self.objective.weight

    @property
    def name(self) -> str:
        """That of the objective."""
        return self.objective.name

    def score(self, output: Any) -> Tensor:
        """The score (V,) of the objective, whatever its weight is."""
        return self.objective.score(output)

    def weight_at(self, done: float) -> float:
        """The weight when the share `done` of the ascent is over, 0..1."""
        return between(self.start, self.end, self.curve, done) * weight_at(self.objective, done)


@runtime_checkable
class Changing(Protocol):
    """An objective whose weight depends on how much of the ascent is over, 0..1."""

    def weight_at(self, done: float) -> float:
        """The weight at that moment."""
        ...


def weight_at(objective: Objective, done: float) -> float:
    """The weight of any objective when the share `done` of the ascent is over, 0..1."""
    return objective.weight_at(done) if isinstance(objective, Changing) else objective.weight
