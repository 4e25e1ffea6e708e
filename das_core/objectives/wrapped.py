"""Objectives that wrap another one and change where or when it counts."""

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from .base import Objective


@dataclass(frozen=True)
class WrappedObjective:
    """A base class for objectives that wrap another one: it passes everything on; subclasses change a part.

    An objective that is wrapped twice has both changes.

    Args:
        objective: the objective to wrap.

    Example:
        >>> from das_core import Prior
        >>> from das_core.objectives import WrappedObjective
        >>> class Renamed(WrappedObjective):
        ...     name = "smooth"
        >>> renamed = Renamed(Prior("total_variation", weight=0.2))
        >>> renamed.name, renamed.weight
        ('smooth', 0.2)
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
        """The region masks of the wrapped objective."""
        return self.objective.regions

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """The reference images of the wrapped objective."""
        return self.objective.reference_images

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The parts of the wrapped objective, each wrapped in the same way."""
        return tuple(replace(self, objective=part) for part in self.objective.parts)

    @property
    def compares_images(self) -> bool:
        """Whether the wrapped objective compares the images of a batch."""
        return self.objective.compares_images

    def describe_score(self, score: float) -> str:
        """Return a score as the wrapped objective describes it."""
        return self.objective.describe_score(score)

    def weight_at(self, progress: float) -> float:
        """Return the weight of the wrapped objective at a moment of the ascent.

        Args:
            progress: the share of the ascent that is over, 0 at the first step and 1 at the last.
        """
        return self.objective.weight_at(progress)

    def score(self, output: Any) -> Tensor:
        """Return the score of the wrapped objective, which is not multiplied by its weight.

        Args:
            output: what the wrapped objective is given, see `Objective.score`.

        Returns:
            Scores (V,) of views, or (B,) of images where there is no judge.
        """
        return self.objective.score(output)

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of the wrapped objective, told which image each view shows; see `Objective.score_views`."""
        return self.objective.score_views(output, images)


@dataclass(frozen=True, eq=False)
class RegionObjective(WrappedObjective):
    """An objective that acts in a region: views are drawn from it, and only its gradient under the mask counts.

    Changes of coarse levels reach beyond the edge of the mask, so that neighbouring regions meet without a seam. A
    region inside another region acts where both are. Objectives share their views only if their masks are the very same
    tensor.

    Args:
        objective: the objective to restrict.
        mask: the region, (B or 1, h, w), 0..1, of any size: one for all images of a stack, or one for each. It is
            resized to cover the picture, as a start image is.

    Example:
        >>> import torch
        >>> from das_core import ClassObjective, RegionObjective, load_starter
        >>> left = torch.zeros(1, 64, 64)
        >>> left[:, :, :32] = 1
        >>> castle = RegionObjective(ClassObjective.from_text(load_starter(), "castle"), left)
        >>> castle.name, [tuple(mask.shape) for mask in castle.regions]
        ('castle', [(1, 64, 64)])
    """

    mask: Tensor = field(repr=False)

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """The mask, followed by the region masks of the wrapped objective."""
        return (self.mask, *self.objective.regions)


@dataclass(frozen=True)
class ScheduledObjective(WrappedObjective):
    """An objective whose weight is multiplied by a factor that changes over the ascent.

    A step of an ascent at which the weights of all objectives are 0 leaves the picture as it is. So a single objective
    that starts at 0 makes nothing of its first step, and one that ends there nothing of its last.

    Args:
        objective: the objective to schedule.
        start: the factor at the first step.
        end: the factor at the last step.
        curve: how the factor changes from one to the other, see `common.curves.Curve`.

    Raises:
        ValueError: when a factor is not finite or too large, or there is no such curve.

    Example:
        >>> from das_core import Prior, ScheduledObjective
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
        """The largest weight in size, with its sign, that start and end lead to; 0 if the objective never counts."""
        return max(self.start, self.end, key=abs) * super().weight

    def weight_at(self, progress: float) -> float:
        """Return the weight of the wrapped objective times the factor of a moment.

        Args:
            progress: the share of the ascent that is over, 0 at the first step and 1 at the last.
        """
        return interpolate(self.start, self.end, self.curve, progress) * super().weight_at(progress)
