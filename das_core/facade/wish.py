"""A wish: a value that says what to ask a model for, before the model is known.

`channel("layer4", 12)` is a wish. `render` turns it into an objective for its model. Wishes can be weighted and
summed with `+`, `-`, `*` and `/`, as objectives are in lucid (Olah, Mordvintsev and Schubert, Feature Visualization,
Distill 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..models.judge import Judge
from ..objectives.base import Objective
from ..objectives.wrapped import ScheduledObjective

Make = Callable[[Judge], Objective]
"""A function that makes an objective, given the model."""


@dataclass(frozen=True)
class Wish:
    """What to ask a model for: a weighted sum of objectives that are made once the model is known.

    Args:
        terms: pairs of a weight and a function that makes the objective, given the model.
        images: how many images the wish is for. A wish from `channels` is for one image per channel, any other wish for
            1. A sum of wishes is for the largest number of images that any of these wishes is for.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import channel, classes
        >>> wish = 0.7 * classes("jellyfish") - 0.3 * channel("blocks.3", 5)
        >>> [(one.name, one.weight) for one in wish.resolve(load_starter())]
        [('jellyfish', 0.7), ('blocks.3 channel 5', -0.3)]
    """

    terms: tuple[tuple[float, Make], ...]
    images: int = 1

    def resolve(self, judge: Judge) -> list[Objective]:
        """Return the objectives of this wish for a model.

        Raises:
            ValueError: when the model cannot be asked for the wish, such as for a class that it does not have; the
                message says what the model can be asked for.
        """
        made = [(weight, make(judge)) for weight, make in self.terms]
        # A `ScheduledObjective` that has the same factor at the first and at the last step has a constant weight.
        return [one if weight == 1 else ScheduledObjective(one, weight, weight) for weight, one in made]

    def __add__(self, other: "Wish") -> "Wish":
        if not isinstance(other, Wish):
            return NotImplemented
        return Wish(self.terms + other.terms, max(self.images, other.images))

    def __radd__(self, other: int) -> "Wish":
        # `sum` begins with 0 and adds the first wish to it.
        return self if other == 0 else NotImplemented

    def __neg__(self) -> "Wish":
        return self * -1

    def __sub__(self, other: "Wish") -> "Wish":
        return self + -other

    def __mul__(self, factor: float) -> "Wish":
        if not isinstance(factor, int | float):
            return NotImplemented
        return Wish(tuple((weight * factor, make) for weight, make in self.terms), self.images)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Wish":
        if not isinstance(divisor, int | float):
            return NotImplemented
        return self * (1 / divisor)


def make_wish(make: Make) -> Wish:
    """Return the wish for one objective, of weight 1.

    Args:
        make: makes the objective, given the model.
    """
    return Wish(((1.0, make),))
