"""The interface between objectives and an ascent.

Users pass objectives (`Objective`) to an ascent. The ascent works with the terms (`Term`) of the objectives: each term
scores the answers of one judge, or the pixels of the canvas.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor

from ..common.timeline import Timeline
from ..models.judge import Judge


class Term(Protocol):
    """A part of an objective. The part scores the answers of one judge, or the pixels of the canvas.

    The terms of one objective divide its views among them: each of n terms sees every n-th view.

    Example:
        >>> from das_core import ClassObjective, load_starters
        >>> jellyfish = ClassObjective(load_starters(), "jellyfish")
        >>> [(term.judge.name, term.weight_at(0.5)) for term in jellyfish.terms()]
        [('EfficientNet-Lite0', 0.5), ('EfficientNet-Lite1', 0.5)]
    """

    @property
    def judge(self) -> Judge | None:
        """The judge that is run on views; None if `score_views` takes the pixels of the canvas instead."""
        ...

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """Masks (B or 1, h, w), 0..1, of any size: the term acts where all of them are above 0.

        B is the number of images of the stack. Without masks the term acts everywhere.
        """
        ...

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """Images (N or 1, 3, h, w), 0..1, that the judge sees through the same windows and transforms as the canvas.

        N is the number of images that views can show: for a zoom, the number of its moments.
        """
        ...

    @property
    def compares_images(self) -> bool:
        """Whether `score_views` compares the images of a batch. If so, the batch must have at least two images.

        For a term that compares images, an ascent passes equally many views of every image to each call of
        `score_views`, in this order: the first view of every image, in the order of the batch; then the second view of
        every image; and so on.
        """
        ...

    def weight_at(self, progress: float) -> float:
        """Return the weight of the term at a step of the ascent; with a weight below 0 the ascent lowers the score.

        Args:
            progress: the share of the ascent that is over at this step, 0 at the first step and 1 at the last.
        """
        ...

    def image_weights(self, timeline: Timeline) -> tuple[float, ...] | None:
        """Return, for each image that views can show, the factor that multiplies the weight; None if all factors are 1.

        In an ascent, the judge is not run on views of an image whose factor is 0, except in two cases: another term
        needs these views; or the factors of all images are 0, and the term would otherwise have no score.

        Args:
            timeline: the positions of these images, which are frames of a film, moments of a zoom or separate images.

        Raises:
            ValueError: when the term does not fit these images, such as a term made for another number of frames.
        """
        ...

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view, or of every image if there is no judge; larger is better.

        Args:
            output: with a judge, its output for V views: a tensor (V, …), or `Activations` from an `ActivationJudge`.
                `Activations.references` holds the activations of `reference_images`. The V views may show several
                images, and may be only a part of the views of an image; see also `compares_images`. Without a judge,
                the `CanvasPixels` of B images.
            images: for each view, the number of the image that the view shows, from 0, (V,), int64, on the CPU;
                without a judge, the numbers of the B images, (B,).

        Returns:
            Differentiable scores, (V,) with a judge and (B,) without one. They are not yet multiplied by the weight:
            the ascent does that.
        """
        ...


class Objective(Protocol):
    """A score that an ascent raises, computed from the outputs of judges for views, or from the pixels of the canvas.

    Objectives are immutable. To write your own, inherit from `BaseObjective` and define `judge`, `weight`, `name`
    and `score`.

    Example:
        >>> from das_core import Objective, Prior
        >>> def summarise(objective: Objective) -> str:
        ...     return f"{objective.name}: weight {objective.weight}, {len(objective.terms())} term"
        >>> summarise(Prior("total_variation", weight=0.2))
        'total variation: weight 0.2, 1 term'
    """

    @property
    def name(self) -> str:
        """A short name, which the progress display, the history and error messages show."""
        ...

    @property
    def weight(self) -> float:
        """The weight; if it changes from step to step or from image to image, its value that is farthest from 0.

        If the weight is below 0, the ascent lowers the score. Within a group of terms (`ascent/groups.py`) the scores
        are multiplied by the weights and added. The scores of different groups may have different scales. So the
        gradients of the groups are scaled, and then added: the changes of the canvas that K computes from them become
        proportional to the weights of the groups. If there is a single objective, `NormalizedAscent` moves the stack
        equally far at any weight other than 0: only the sign of the weight counts. Weights need not sum to 1.
        """
        ...

    def terms(self) -> tuple[Term, ...]:
        """Return the terms of the objective: one, or several that divide its views, such as one for each model."""
        ...

    def describe_score(self, score: float) -> str:
        """Return a score as text for the display of a running ascent, such as '12.3' or '81%'."""
        ...


T = TypeVar("T", bound=Term)


class Scored(Protocol):
    """An objective that scores views and does not need to know which images they show."""

    def score(self, output: Any) -> Tensor:
        """Return the score of every view, (V,), or, if there is no judge, of every image, (B,).

        See `Term.score_views`.
        """
        ...


def format_score(score: float) -> str:
    """Return a score as text: up to three significant digits; a whole number if its absolute value is 1000 or more."""
    return f"{score:.0f}" if abs(score) >= 1000 else f"{score:.3g}"


def split_objective(objective: Objective) -> tuple[Objective, ...]:
    """Return the parts of a joint objective, such as a `JointObjective`; return any other objective as the only part.

    Args:
        objective: any objective; a joint objective has a method `split` that returns its parts.
    """
    split = getattr(objective, "split", None)
    return (objective,) if split is None else tuple(split())


def list_objectives(objectives: Objective | Sequence[Objective], purpose: str = "climb") -> list[Objective]:
    """Return objectives as a list, even if a single one is given.

    Args:
        objectives: one objective or several.
        purpose: a verb that says what the objectives are for, such as "climb"; error messages use it.

    Raises:
        ValueError: when the list is empty; an item is no objective; or the weights of all objectives are 0.

    Example:
        >>> from das_core import Prior
        >>> from das_core.objectives.base import list_objectives
        >>> [objective.name for objective in list_objectives(Prior("l2"))]
        ['l2']
    """
    several = list(objectives) if isinstance(objectives, Sequence) else [objectives]
    for objective in several:
        if not all(hasattr(objective, name) for name in ("name", "weight", "terms", "describe_score")):
            raise ValueError(
                f"{type(objective).__name__} is no objective; make one, such as ClassObjective(classifier, 'jellyfish')"
            )
    if not several:
        raise ValueError(f"no objective is given, so there is nothing to {purpose}; give at least one")
    if not any(objective.weight for objective in several):
        raise ValueError(f"the weights of all objectives are 0, so there is nothing to {purpose}; raise one above 0")
    return several


class BaseObjective:
    """A base class for objectives; by default with one term, a constant weight, no region masks or reference images.

    By default, an instance is the objective and also its only term. Subclasses define `judge`, `weight`, `name`, and
    `score` or `score_views`.

    Example:
        >>> from dataclasses import dataclass
        >>> from das_core import Ascent, BaseObjective, ImageStack, StackSpec
        >>> @dataclass(frozen=True)
        ... class Brightness(BaseObjective):
        ...     judge: None = None
        ...     weight: float = 1.0
        ...     name: str = "brightness"
        ...
        ...     def score(self, output):
        ...         return output.pixels.mean(dim=(1, 2, 3))
        >>> stack = ImageStack.gray(StackSpec(width=32, height=32, margin=8))
        >>> result = Ascent(stack, [Brightness()], steps=3).run()
        >>> [round(record.scores["brightness"], 2) for record in result.history]
        [0.5, 0.54, 0.57]
    """

    weight: float

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """No masks: the objective acts everywhere."""
        return ()

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """No reference images."""
        return ()

    @property
    def compares_images(self) -> bool:
        """False: every image is scored by itself."""
        return False

    def terms(self: T) -> tuple[T, ...]:
        """Return the objective itself, which sees all views."""
        return (self,)

    def describe_score(self, score: float) -> str:
        """Return a score as text: as a number with up to three significant digits (`format_score`)."""
        return format_score(score)

    def weight_at(self, progress: float) -> float:
        """Return the weight, which is the same at every `progress` (0..1) of the ascent."""
        return self.weight

    def image_weights(self, timeline: Timeline) -> tuple[float, ...] | None:
        """Return None: the weight is the same for all images."""
        return None

    def score_views(self: Scored, output: Any, images: Tensor) -> Tensor:
        """Return `score(output)`; `images` is not used, because the objective is the same for all images."""
        return self.score(output)
