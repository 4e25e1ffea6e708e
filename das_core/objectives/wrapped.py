"""Objectives that wrap another one and change where or when it counts."""

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from .base import Objective, Term, split_objective


@dataclass(frozen=True)
class WrappedObjective:
    """A base class for objectives that wrap another one and, by default, behave as the wrapped objective does.

    To change where the terms of the wrapped objective act, override `add_regions`. To change their weight over time,
    override `change_weight` and `weight`. To change their weight from image to image, override `change_image_weights`.
    If an objective is wrapped twice, both changes apply.

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
    def name(self) -> str:
        """The name of the wrapped objective."""
        return self.objective.name

    @property
    def weight(self) -> float:
        """The weight of the wrapped objective."""
        return self.objective.weight

    def split(self) -> tuple[Objective, ...]:
        """Return a wrapper like this one around each part of the wrapped objective.

        If the wrapped objective is not a joint objective, return only this wrapper.
        """
        parts = split_objective(self.objective)
        if len(parts) == 1 and parts[0] is self.objective:
            return (self,)
        return tuple(replace(self, objective=part) for part in parts)

    def terms(self) -> tuple["WrappedTerm", ...]:
        """Return the terms of the wrapped objective, each as changed by this wrapper, see `WrappedTerm`."""
        return tuple(WrappedTerm(term, self) for term in self.objective.terms())

    def describe_score(self, score: float) -> str:
        """Return a score as text, as the wrapped objective formats it."""
        return self.objective.describe_score(score)

    def add_regions(self, regions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the region masks of a term, given its masks without this wrapper; this base class changes nothing."""
        return regions

    def change_weight(self, weight: float, progress: float) -> float:
        """Return the weight of a term at a step of the ascent, as changed by this wrapper.

        By default, the weight is not changed.

        Args:
            weight: the weight at this step without the wrapper.
            progress: the share of the ascent that is over at this step, 0..1.
        """
        return weight

    def change_image_weights(self, weights: tuple[float, ...] | None, timeline: Timeline) -> tuple[float, ...] | None:
        """Return, for each image, the factor that multiplies the weight of a term, as changed by this wrapper.

        By default, the factors are not changed.

        Args:
            weights: the factors without this wrapper, one for each image; None if all are 1.
            timeline: the positions of these images: of the frames of a film, the moments of a zoom, or separate images.
        """
        return weights


@dataclass(frozen=True, eq=False)
class WrappedTerm:
    """A term of an objective, changed by the `WrappedObjective` around that objective.

    Args:
        term: the term of the wrapped objective.
        wrapper: the `WrappedObjective`; its methods `add_regions`, `change_weight` and `change_image_weights` change
            the regions and the weights of the term.
    """

    term: Term
    wrapper: WrappedObjective

    @property
    def judge(self) -> Judge | None:
        """The judge of the term; None if the term scores the pixels of the canvas."""
        return self.term.judge

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """The region masks of the term, as changed by the wrapper."""
        return self.wrapper.add_regions(self.term.regions)

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """The reference images of the term."""
        return self.term.reference_images

    @property
    def compares_images(self) -> bool:
        """Whether the term compares the images of a batch."""
        return self.term.compares_images

    def weight_at(self, progress: float) -> float:
        """Return the weight of the term at this `progress` (0..1) of the ascent, as changed by the wrapper."""
        return self.wrapper.change_weight(self.term.weight_at(progress), progress)

    def image_weights(self, timeline: Timeline) -> tuple[float, ...] | None:
        """Return, for each image, the factor that multiplies the weight of the term, as changed by the wrapper.

        None means that all factors are 1.

        Args:
            timeline: the positions of these images: of the frames of a film, the moments of a zoom, or separate images.
        """
        return self.wrapper.change_image_weights(self.term.image_weights(timeline), timeline)

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view, or of every image if there is no judge, as the wrapped term computes it.

        Args:
            output: the output of the judge for the views; without a judge, the pixels of the canvas (`CanvasPixels`).
            images: for each view, the number of the image that it shows, from 0; without a judge, the numbers of all
                images.
        """
        return self.term.score_views(output, images)


@dataclass(frozen=True, eq=False)
class RegionObjective(WrappedObjective):
    """An objective that acts in a region: a mask multiplies its gradient, and its views lie in the box around the mask.

    Changes of coarse levels reach beyond the edge of the mask, so neighbouring regions meet without a seam. If two
    `RegionObjective`s are nested, the objective inside both acts where both masks are above 0. Several objectives share
    their views only if their masks are the very same tensor.

    Args:
        objective: the objective to restrict.
        mask: the region, (B or 1, h, w), 0..1, of any size: one for all images of a stack, or one for each. It is
            resized to cover the picture, as a start image is. A zoom takes no regions.

    Example:
        >>> import torch
        >>> from das_core import ClassObjective, RegionObjective, load_starter
        >>> left = torch.zeros(1, 64, 64)
        >>> left[:, :, :32] = 1
        >>> castle = RegionObjective(ClassObjective.from_text(load_starter(), "castle"), left)
        >>> castle.name, [tuple(mask.shape) for term in castle.terms() for mask in term.regions]
        ('castle', [(1, 64, 64)])
    """

    mask: Tensor = field(repr=False)

    def add_regions(self, regions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the mask, followed by the region masks of a term."""
        return (self.mask, *regions)


@dataclass(frozen=True)
class ScheduledObjective(WrappedObjective):
    """An objective whose weight is multiplied by a factor that changes over the ascent.

    A step at which the weights of all objectives are 0 does not change the picture. So if there is a single objective,
    a `start` of 0 wastes the first step, and an `end` of 0 wastes the last step.

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
        >>> [term.weight_at(0.5) for term in fading.terms()]
        [0.1]
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
        """The weight of the wrapped objective times `start` or `end`, whichever has the larger absolute value."""
        return max(self.start, self.end, key=abs) * super().weight

    def change_weight(self, weight: float, progress: float) -> float:
        """Return the weight of a term, multiplied by the factor at this `progress` (0..1) of the ascent."""
        return interpolate(self.start, self.end, self.curve, progress) * weight
