"""Several objectives as one object, which an ascent splits again, so that each objective sees all views."""

from dataclasses import dataclass

from ..common.text import truncate
from .base import Objective, Term, format_score, split_objective

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class JointObjective:
    """Several objectives that are passed on as one object, such as the tracks of a film (`make_tracks`).

    An ascent treats each of them as if it had been passed separately: each has its own name, weight and score, and sees
    all views. (An `EnsembleObjective` instead divides the views among its objectives.) A `RegionObjective` or
    `ScheduledObjective` that wraps a joint objective applies to each of its objectives.

    Args:
        objectives: the objectives, at least one.

    Raises:
        ValueError: when there is no objective.

    Example:
        >>> from das_core import ClassObjective, ImageStack, JointObjective, StackSpec, Time, load_starter, make_tracks
        >>> from das_core import Ascent
        >>> model = load_starter()
        >>> morph = JointObjective(make_tracks("0: castle / 3: volcano", lambda name: ClassObjective(model, name)))
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16, time=Time(4)))
        >>> [name for name, _ in Ascent(stack, morph).objectives]
        ['castle', 'volcano']
    """

    objectives: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("no objective is given, so there is nothing to join; give at least one")

    @property
    def name(self) -> str:
        """The names of the objectives, each once, separated by commas; an ellipsis ends a long list."""
        return truncate(", ".join(dict.fromkeys(one.name for one in self.objectives)), _MAX_NAME_LENGTH)

    @property
    def weight(self) -> float:
        """The weight with the largest absolute value among the objectives; it is 0 only if all their weights are 0.

        An ascent does not use this weight: it multiplies each of the objectives by the weight of that objective.
        """
        return max((one.weight for one in self.objectives), key=abs)

    def split(self) -> tuple[Objective, ...]:
        """Return the objectives; those that are joint themselves are split as well."""
        return tuple(part for one in self.objectives for part in split_objective(one))

    def terms(self) -> tuple[Term, ...]:
        """Return the terms of all objectives, for callers that do not split them, such as an `EnsembleObjective`."""
        return tuple(term for one in self.objectives for term in one.terms())

    def describe_score(self, score: float) -> str:
        """Return a score as text, with up to three significant digits (`format_score`)."""
        return format_score(score)
