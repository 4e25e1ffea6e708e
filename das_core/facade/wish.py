"""A wish: what to ask a model for, before the model is known."""

from collections.abc import Callable
from dataclasses import dataclass

from ..models.judge import Judge
from ..objectives.term import Objective


@dataclass(frozen=True)
class Wish:
    """What to ask a model for.

    Wishes are summed and weighted with `+`, `-`, `*` and `/`, as in lucid (Olah, Mordvintsev and Schubert, Feature
    Visualization, Distill 2017).

    Args:
        resolve: makes the objective, given the model; it raises a ValueError when the model cannot be asked for it.

    Example:
        >>> from das_core import load_starter, prior
        >>> from das_core.facade import channel, classes
        >>> wish = 0.7 * classes("jellyfish") - 0.3 * channel("blocks.3", 5) + prior("range", 0.1)
        >>> [(term.name, term.weight) for term in wish.resolve(load_starter()).terms]
        [('jellyfish', 0.7), ('blocks.3 channel 5', -0.3), ('range', 0.1)]
    """

    resolve: Callable[[Judge], Objective]

    def __add__(self, other: "Wish | Objective") -> "Wish":
        if not isinstance(other, Wish | Objective):
            return NotImplemented
        return Wish(lambda judge: self.resolve(judge) + (other.resolve(judge) if isinstance(other, Wish) else other))

    def __radd__(self, other: "Objective | int") -> "Wish":
        # `sum` begins with 0 and adds the first wish to it.
        if isinstance(other, Objective):
            return Wish(lambda judge: other + self.resolve(judge))
        return self if other == 0 else NotImplemented

    def __neg__(self) -> "Wish":
        return self * -1

    def __sub__(self, other: "Wish | Objective") -> "Wish":
        return self + -other if isinstance(other, Wish | Objective) else NotImplemented

    def __rsub__(self, other: Objective) -> "Wish":
        return other + -self if isinstance(other, Objective) else NotImplemented

    def __mul__(self, factor: float) -> "Wish":
        return Wish(lambda judge: self.resolve(judge) * factor) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Wish":
        return self * (1 / divisor) if isinstance(divisor, int | float) else NotImplemented
