"""An objective around another one: it changes when or where that counts, and is it in all else."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..models.judge import Judge
from .base import Objective


@dataclass(frozen=True)
class WrappedObjective:
    """Another objective; subclasses change something about it. Wrapped once more, it has both changes."""

    objective: Objective

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
        """The score (V,) of the objective, whatever its weight is."""
        return self.objective.score(output)

    def weight_at(self, done: float) -> float:
        """The weight when the share `done` of the ascent is over, 0..1."""
        return weight_at(self.objective, done)


def weight_at(objective: Objective, done: float) -> float:
    """The weight of any objective when the share `done` of the ascent is over, 0..1."""
    return objective.weight_at(done) if isinstance(objective, WrappedObjective) else objective.weight
