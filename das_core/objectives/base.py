"""What every objective looks like to an ascent."""

from typing import Any, Protocol

from torch import Tensor

from ..models.judge import Judge


class Objective(Protocol):
    """A question to one judge, or to the picture itself.

    An objective is frozen. Inherit from `BaseObjective`, which acts everywhere and all the time and compares with
    nothing; then `judge`, `weight`, `name` and `score` are all that is left to define.
    """

    @property
    def judge(self) -> Judge | None:
        """The model that is asked; None where the picture itself is (`prior.Canvas`), without views."""
        ...

    @property
    def weight(self) -> float:
        """How much the score counts in the sum: the largest value, in size, of `weight_at`.

        Below 0 the ascent climbs away from it. One more objective leaves the weights of the others as they are.
        """
        ...

    @property
    def name(self) -> str:
        """A short name for progress, history and errors."""
        ...

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """Masks (B or 1, h, w), 0..1, of any size: the objective acts where all of them are; everywhere if none."""
        ...

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """Images (B or 1, 3, h, w), 0..1, that the ascent shows to the judge through the same views as the canvas."""
        ...

    def weight_at(self, progress: float) -> float:
        """Return the weight when the share `progress` (0..1) of the ascent is over."""
        ...

    def score(self, output: Any) -> Tensor:
        """Return the score (V,) of every view, larger is better, given what the judge answers.

        The answer is a tensor (V, …), or the `Activations` of an `ActivationJudge`; `Activations.references` then holds
        the answers to the reference images. Without a judge: return the score (B,) of every image, given a
        `prior.Canvas`.
        """
        ...


class BaseObjective:
    """What most objectives have in common: they act everywhere, with the same weight all the time."""

    weight: float

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """No masks: everywhere."""
        return ()

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """No images to compare with."""
        return ()

    def weight_at(self, progress: float) -> float:
        """Return the weight, which stays the same."""
        return self.weight
