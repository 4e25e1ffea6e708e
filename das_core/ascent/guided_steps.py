"""Which steps of a diffusion sampler are guided: every n-th step in a range of noise levels."""

from collections.abc import Sequence
from dataclasses import dataclass

_TOLERANCE = 1e-4
"""The largest difference of two noise levels that count as the same, as a share of the larger one. It is needed because
samplers recompute noise levels in float32."""


@dataclass(frozen=True)
class GuidedStep:
    """One of the steps of a sampler that are guided.

    Args:
        number: the number of the step among all steps of the sampler, from 0.
        progress: the share of the guided part that is over: 0 at the first guided step (also if it is the only one),
            and 1 at the last.
        is_last: whether no later step is guided.

    Example:
        >>> from das_core.ascent import GuidedStep
        >>> GuidedStep(number=3, progress=0.5, is_last=False)
        GuidedStep(number=3, progress=0.5, is_last=False)
    """

    number: int
    progress: float
    is_last: bool


@dataclass(frozen=True)
class GuidedSteps:
    """The part of a sampling run that is guided.

    Args:
        start_percent: where the part begins, 0..1, as a share of the way through the model's noise levels: 0 is pure
            noise, 1 the finished picture.
        end_percent: where the part ends, on the same scale, above `start_percent` and at most 1.
        every: which steps in this part are guided, beginning with the first: 1 for all of them, 2 for every second one,
            and so on.

    Raises:
        ValueError: when a share is not in 0..1, `start_percent` is not below `end_percent`, or `every` is below 1.

    Example:
        >>> from das_core.ascent.guided_steps import GuidedSteps
        >>> steps = GuidedSteps(every=2)
        >>> levels = [10.0, 8.0, 6.0, 4.0, 2.0, 0.0]
        >>> [steps.find(sigma, levels, highest=9.0, lowest=0.0) for sigma in (10.0, 8.0, 6.0)]
        [None, GuidedStep(number=1, progress=0.0, is_last=False), None]
        >>> steps.find(4.0, levels, highest=9.0, lowest=0.0)
        GuidedStep(number=3, progress=1.0, is_last=True)
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

        A sampler may call its model several times in a step, also at noise levels at which no step begins. A call
        between two of `levels` belongs to the step that begins at the higher one.

        Args:
            sigma: the noise level at which the sampler calls its model.
            levels: the noise levels at which the steps begin, falling, and after them the level at which the run ends.
            highest: the noise level that corresponds to `start_percent`.
            lowest: the noise level that corresponds to `end_percent`.
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
