"""The objective that lets several others share out the views of an ascent."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..common.text import truncate
from ..models.judge import Judge
from .base import BaseObjective, Objective

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class EnsembleObjective(BaseObjective):
    """Several objectives, each of which sees a part of the views: n objectives take about the time of one.

    Ask several models for the same thing: a picture that convinces all of them shows it better than one that convinces
    a single one. Each objective keeps its weight, its regions and its schedule. In an ascent its parts take its place,
    and the score in progress and history is the mean over all views.

    Args:
        objectives: the objectives, at least two, each with a judge; those of an `EnsembleObjective` in it count singly.

    Raises:
        ValueError: when there are fewer than two, or one has no judge and therefore sees no views.

    Example:
        >>> from das_core import ClassObjective, EnsembleObjective, SECOND_OPINION, load_starter
        >>> models = [load_starter(), load_starter(SECOND_OPINION)]
        >>> both = EnsembleObjective(tuple(ClassObjective.from_text(model, "jellyfish") for model in models))
        >>> both.name, [part.judge.name for part in both.parts]
        ('jellyfish', ['EfficientNet-Lite0', 'EfficientNet-Lite2'])
    """

    objectives: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if len(self.objectives) < 2:
            raise ValueError(
                f"an ensemble of {len(self.objectives)} shares out nothing; connect at least two objectives"
            )
        for objective in self.objectives:
            if objective.judge is None:
                raise ValueError(
                    f"'{objective.name}' asks no model, so it has no views to share out; give it to the "
                    "ascent by itself"
                )

    @property
    def judge(self) -> Judge | None:
        """The judge of the first objective; in an ascent every part has its own."""
        return self.objectives[0].judge

    @property
    def weight(self) -> float:  # type: ignore[override]
        """The largest weight in size among the objectives; their sum could be 0 though each of them counts."""
        return max((objective.weight for objective in self.objectives), key=abs)

    @property
    def name(self) -> str:
        """The names of the objectives, each once, separated by commas."""
        names = dict.fromkeys(objective.name for objective in self.objectives)
        return truncate(", ".join(names), _MAX_NAME_LENGTH)

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The parts of all objectives, in order."""
        return tuple(part for objective in self.objectives for part in objective.parts)

    @property
    def compares_images(self) -> bool:
        """Whether one of the objectives compares the images of a batch."""
        return any(objective.compares_images for objective in self.objectives)

    def describe_score(self, score: float) -> str:
        """Return a score, the mean over all views, as the first objective describes it if all would in the same way."""
        said = {objective.describe_score(score) for objective in self.objectives}
        return said.pop() if len(said) == 1 else super().describe_score(score)

    def weight_at(self, progress: float) -> float:
        """Return the largest weight in size among the objectives at a moment of the ascent.

        Args:
            progress: the share of the ascent that is over, 0..1.
        """
        return max((objective.weight_at(progress) for objective in self.objectives), key=abs)

    def score(self, output: Any) -> Tensor:
        """Return the score of the first objective, given what that one is given; see `Objective.score`."""
        return self.objectives[0].score(output)
