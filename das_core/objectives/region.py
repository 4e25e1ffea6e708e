"""An objective that acts in a part of the picture."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..models.judge import Judge
from .base import Objective
from .scheduled import ScheduledObjective, weight_at


@dataclass(frozen=True)
class RegionObjective:
    """An objective under a mask (B or 1, h, w), 0..1, of any size, which covers the picture as an image would.

    Its judge is shown views from where the mask is, and its gradient counts under the mask only. What that moves on
    coarse levels reaches over the edge, so that regions meet without a seam; a stack with a mask of its own keeps what
    lies outside of that one exactly. A region within a region is where both are.
    """

    objective: Objective
    mask: Tensor

    @property
    def judge(self) -> Judge | None:
        """The model that is asked."""
        return self.objective.judge

    @property
    def weight(self) -> float:
        """That of the objective."""
        return self.objective.weight

    @property
    def name(self) -> str:
        """That of the objective."""
        return self.objective.name

    def score(self, output: Any) -> Tensor:
        """The score of the objective."""
        return self.objective.score(output)

    def weight_at(self, done: float) -> float:
        """The weight of the objective when the share `done` of the ascent is over, 0..1."""
        return weight_at(self.objective, done)


def regions_of(objective: Objective) -> tuple[Tensor, ...]:
    """The masks that an objective is under, the innermost last; none for one that acts everywhere."""
    if isinstance(objective, RegionObjective):
        return (objective.mask, *regions_of(objective.objective))
    return regions_of(objective.objective) if isinstance(objective, ScheduledObjective) else ()
