"""An objective that divides the views of an ascent among several other objectives."""

from dataclasses import dataclass

from ..common.text import truncate
from .base import Objective, Term, format_score

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class EnsembleObjective:
    """Several objectives, each of which sees a part of the views: n objectives take about the time of one.

    Use it to ask several models for the same thing, such as a class: a picture that gets high scores from all of them
    shows the class better than a picture that gets a high score from one model. Each objective keeps its weight, its
    regions and its schedule. The score that the progress display and the history show is the mean over all views.

    Args:
        objectives: the objectives, at least two, each with a judge. Over the steps, all their terms get about equally
            many views, so an objective with several terms, such as another `EnsembleObjective`, gets more views than
            one with a single term.

    Raises:
        ValueError: when there are fewer than two objectives, or one of them has no judge and therefore sees no views.

    Example:
        >>> from das_core import ClassObjective, EnsembleObjective, SECOND_OPINION, load_starter
        >>> models = [load_starter(), load_starter(SECOND_OPINION)]
        >>> both = EnsembleObjective(tuple(ClassObjective.from_text(model, "jellyfish") for model in models))
        >>> both.name, [term.judge.name for term in both.terms()]
        ('jellyfish', ['EfficientNet-Lite0', 'EfficientNet-Lite2'])
    """

    objectives: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if len(self.objectives) < 2:
            raise ValueError(f"an ensemble of {len(self.objectives)} shares out nothing; give at least two objectives")
        for objective in self.objectives:
            if any(term.judge is None for term in objective.terms()):
                raise ValueError(
                    f"'{objective.name}' asks no model, so it has no views to share out; give it to the "
                    "ascent by itself"
                )

    @property
    def weight(self) -> float:
        """The weight with the largest absolute value among the objectives."""
        return max((objective.weight for objective in self.objectives), key=abs)

    @property
    def name(self) -> str:
        """The names of the objectives, each once, separated by commas; an ellipsis ends a long list."""
        names = dict.fromkeys(objective.name for objective in self.objectives)
        return truncate(", ".join(names), _MAX_NAME_LENGTH)

    def terms(self) -> tuple[Term, ...]:
        """Return the terms of all objectives, in order."""
        return tuple(term for objective in self.objectives for term in objective.terms())

    def describe_score(self, score: float) -> str:
        """Return a score, which is a mean over all views, as text.

        If all objectives describe the score by the same text, that text is returned; else the score as a number.
        """
        said = {objective.describe_score(score) for objective in self.objectives}
        return said.pop() if len(said) == 1 else format_score(score)
