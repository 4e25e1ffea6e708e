"""Objectives around another one: they change where or when it counts."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from .base import Objective


@dataclass(frozen=True)
class WrappedObjective:
    """Another objective, passed through as it is; subclasses change something about it.

    Wrapped once more, an objective has both changes.
    """

    objective: Objective

    @property
    def judge(self) -> Judge | None:
        """The judge of the wrapped objective."""
        return self.objective.judge

    @property
    def weight(self) -> float:
        """The weight of the wrapped objective."""
        return self.objective.weight

    @property
    def name(self) -> str:
        """The name of the wrapped objective."""
        return self.objective.name

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """The masks of the wrapped objective."""
        return self.objective.regions

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """The reference images of the wrapped objective."""
        return self.objective.reference_images

    def weight_at(self, progress: float) -> float:
        """Return the weight of the wrapped objective when the share `progress` (0..1) of the ascent is over."""
        return self.objective.weight_at(progress)

    def score(self, output: Any) -> Tensor:
        """Return the score (V,) of the wrapped objective; weights are applied by the ascent."""
        return self.objective.score(output)


@dataclass(frozen=True)
class RegionObjective(WrappedObjective):
    """An objective under a mask: its judge sees views from there, and only what lies there moves for it.

    What it moves on coarse levels reaches over the edge of the mask, so that regions meet without a seam. A region
    within a region acts where both are.

    Args:
        objective: what is asked for.
        mask: where, (B or 1, h, w), 0..1, of any size; it covers the picture as an image would.

    Example:
        >>> import torch
        >>> from das_core import ClassObjective, load_starter
        >>> left = torch.zeros(1, 64, 64)
        >>> left[:, :, :32] = 1
        >>> castle = RegionObjective(ClassObjective.from_text(load_starter(), "castle"), left)
        >>> castle.name, len(castle.regions)
        ('castle', 1)
    """

    mask: Tensor

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """The mask, then those of the wrapped objective."""
        return (self.mask, *self.objective.regions)


@dataclass(frozen=True)
class ScheduledObjective(WrappedObjective):
    """An objective whose weight is multiplied by a factor that changes over the ascent.

    Args:
        objective: what is asked for.
        start: the factor at the first step.
        end: the factor at the last step.
        curve: how the factor goes from one to the other, see `Curve`.

    Raises:
        ValueError: a factor is not finite or too large, or there is no such curve.

    Example:
        >>> from das_core import Prior
        >>> fading = ScheduledObjective(Prior("total_variation", weight=0.2), start=1.0, end=0.0)
        >>> fading.weight_at(0.0), fading.weight_at(0.5)
        (0.2, 0.1)
    """

    start: float = 0.0
    end: float = 1.0
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        check_curve(self.curve)
        check_weight(self.start, "the start")
        check_weight(self.end, "the end")

    @property
    def weight(self) -> float:
        """The largest weight it has at any time, in size: 0 if it never counts."""
        return max(self.start, self.end, key=abs) * super().weight

    def weight_at(self, progress: float) -> float:
        """Return the weight when the share `progress` (0..1) of the ascent is over."""
        return interpolate(self.start, self.end, self.curve, progress) * super().weight_at(progress)
