"""What every objective looks like to an ascent."""

from typing import Any, Protocol

from torch import Tensor

from ..models.judge import Judge


class Objective(Protocol):
    """A question to one judge, or to the picture itself. Frozen; its weight is what its score counts in the sum."""

    @property
    def judge(self) -> Judge | None:
        """The model that is asked; None where the picture itself is (`prior.Canvas`), without views."""
        ...

    @property
    def weight(self) -> float:
        """How much the score counts; negative to climb away from it. Adding objectives leaves it as it is."""
        ...

    @property
    def name(self) -> str:
        """A short name for progress, history and errors."""
        ...

    def score(self, output: Any) -> Tensor:
        """The score (V,) of every view, larger is better, given what the judge said of them.

        That is a tensor (V, …), or the `Activations` of a judge that is watched. Without a judge: the score (B,) of
        every image, given the `prior.Canvas`.
        """
        ...
