"""Which steps of a diffusion sampler are guided: every n-th step in a range of noise levels."""

from collections.abc import Sequence
from dataclasses import dataclass

_TOLERANCE = 1e-4
"""The largest relative difference of equal noise levels: samplers recompute them in float32."""


@dataclass(frozen=True)
class GuidedStep:
    """A guided step: its number in the sampler, from 0; the share of the guided part that is over; whether it is the
    last."""

    number: int
    progress: float
    is_last: bool


@dataclass(frozen=True)
class GuidedSteps:
    """The part of a sampling run that is guided: every n-th step in a range of noise levels, beginning with the first.

    `start_percent` and `end_percent` are shares of the way through the model's noise levels, from pure noise at 0 to
    the finished picture at 1.
    """

    start_percent: float = 0.0
    end_percent: float = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        for name, share in (("start_percent", self.start_percent), ("end_percent", self.end_percent)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} {share} is not between 0 (pure noise) and 1 (the finished picture)")
        if self.start_percent >= self.end_percent:
            raise ValueError(
                f"start_percent {self.start_percent} is not below end_percent {self.end_percent}, so no step would be "
                "guided; lower the first or raise the second"
            )
        if self.every < 1:
            raise ValueError(f"every {self.every} is too small; 1 guides each step, 2 every second one")

    def find(self, sigma: float, levels: Sequence[float], highest: float, lowest: float) -> GuidedStep | None:
        """Return the guided step that a noise level belongs to; None if that step is not guided.

        A sampler may call its model between two of `levels`, at which its steps begin (falling, with the final one):
        such a call belongs to the step that begins at the higher one. `highest` and `lowest` belong to start and end.
        """
        begins = list(levels[:-1])
        number = max(0, sum(level >= sigma * (1 - _TOLERANCE) for level in begins) - 1)
        inside = [
            step
            for step, level in enumerate(begins)
            if lowest * (1 - _TOLERANCE) <= level <= highest * (1 + _TOLERANCE)
        ]
        guided = inside[:: self.every]
        if number not in guided:
            return None
        place = guided.index(number)
        return GuidedStep(number, place / max(1, len(guided) - 1), place == len(guided) - 1)
