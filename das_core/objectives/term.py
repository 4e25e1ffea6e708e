"""Objectives as data: a sum of terms, each with a score, a judge, a weight, a place and a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..common.curves import interpolate
from ..common.text import truncate
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from .track import Fade, Track

Score = Callable[[Any, Tensor], Tensor]
"""A function from the output of a judge for V views, and the number of the image of each, to a score for each."""

LONGEST_NAME = 60


def _say_nothing(score: float) -> str:
    """Return no text: most scores, such as a cosine of -0.1, do not tell anybody how good they are."""
    return ""


def join_names(names: Sequence[str], separator: str = ", ") -> str:
    """Return names as one text, each once; an ellipsis ends a long text."""
    return truncate(separator.join(dict.fromkeys(names)), LONGEST_NAME)


@dataclass(frozen=True, eq=False)
class Term:
    """One score of an objective: what is asked of which judge, how much it counts, where and when.

    Args:
        name: a short name for the progress display, the history and messages.
        score: a function of `output` and `images` that returns differentiable scores (V,), which the ascent raises.
            `output` is that of the judge for V views: a tensor (V, …), or the `Activations` of an `ActivationJudge`;
            without a judge, the `CanvasPixels` of B images. `images` has that of each view, (V,), int64, on the CPU.
        judge: the judge that is run on views; None for a score of the pixels of the canvas.
        weight: how much it counts among others; below 0 the score is lowered. With a single term only the sign counts.
        describe: returns a score as text, such as '81%', for the display of a run; an empty text is not shown.
        regions: masks (B or 1, h, w), 0..1, of any size: the term acts where all of them are above 0.
        fades: factors of the weight that change over the steps.
        tracks: factors of the weight that differ between images, frames or depths.
        references: images (N or 1, 3, h, w), 0..1, that the judge sees through the same windows and transforms as the
            canvas (`Activations.references`); N is the number of images, or of the moments of a zoom.
        compares_images: whether the score compares the images of a batch; each call then gets equally many views of
            every image, the first of each before the second of each.
        share: (k, n) if n terms of an objective divide its views, and this is term k, from 0.
        images: how many images the term is made for, such as one for each of several channels.

    Example:
        >>> from das_core import Ascent, ImageStack, Objective, StackSpec, Term
        >>> def score_brightness(canvas, images):
        ...     return canvas.pixels.mean(dim=(1, 2, 3))
        >>> stack = ImageStack.gray(StackSpec(width=32, height=32, margin=8))
        >>> result = Ascent(stack, Objective((Term("brightness", score_brightness),)), steps=3).run()
        >>> [round(record.scores["brightness"], 2) for record in result.history]
        [0.5, 0.54, 0.57]
    """

    name: str
    score: Score
    judge: Judge | None = None
    weight: float = 1.0
    describe: Callable[[float], str] = field(default=_say_nothing, repr=False)
    regions: tuple[Tensor, ...] = field(default=(), repr=False)
    fades: tuple[Fade, ...] = ()
    tracks: tuple[Track, ...] = ()
    references: tuple[Tensor, ...] = field(default=(), repr=False)
    compares_images: bool = False
    share: tuple[int, int] = (0, 1)
    images: int = 1

    def __post_init__(self) -> None:
        check_weight(self.weight, "the objective")

    @property
    def largest_weight(self) -> float:
        """The weight; if it changes from step to step or from image to image, its value that is farthest from 0."""
        weight = self.weight
        for fade in self.fades:
            weight *= max(fade.start, fade.end, key=abs)
        for track in self.tracks:
            weight *= max((factor for _, factor in track.points), key=abs)
        return weight

    def weight_at(self, progress: float) -> float:
        """Return the weight at a step; `progress` is the share of the ascent that is over, 0..1."""
        weight = self.weight
        for fade in self.fades:
            weight *= interpolate(fade.start, fade.end, fade.curve, progress)
        return weight

    def weigh_images(self, timeline: Timeline) -> tuple[float, ...] | None:
        """Return, for each image that views can show, the factor of the weight; None if all factors are 1."""
        factors: tuple[float, ...] | None = None
        for track in self.tracks:
            own = track.weigh(timeline, self.name)
            factors = own if factors is None else tuple(one * more for one, more in zip(own, factors, strict=True))
        return factors


@dataclass(frozen=True, eq=False, repr=False)
class Objective:
    """What is asked of a picture: a sum of terms.

    Objectives are added with `+` and `-`, and weighted with `*`: `0.7 * castle - 0.3 * writing`.

    Args:
        terms: the terms. Those that divide their views (`Term.share`) stand side by side, from 0 up.

    Example:
        >>> from das_core import class_objective, load_starters, prior
        >>> objective = class_objective(load_starters(), "jellyfish") + 0.5 * prior("total_variation")
        >>> [(term.name, term.weight) for term in objective.terms]
        [('jellyfish', 0.5), ('jellyfish', 0.5), ('total variation', 0.1)]
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        terms = tuple(self.terms) if isinstance(self.terms, Sequence) else (self.terms,)
        for term in terms:
            if not isinstance(term, Term):
                raise ValueError(
                    f"a {type(term).__name__} is no term of an objective; give terms, as in "
                    "Objective((Term('brightness', score),)), and join objectives with +"
                )
        if not terms:
            raise ValueError("no term is given, so there is nothing to ask for; give at least one")
        expected = (0, terms[0].share[1])
        for term in terms:
            if term.share[0] == 0:
                expected = (0, term.share[1])
            if term.share != expected:
                raise ValueError(f"'{term.name}' has the share {term.share}, and {expected} is the next; count from 0")
            expected = (expected[0] + 1, expected[1])
        object.__setattr__(self, "terms", terms)

    @property
    def name(self) -> str:
        """The names of the terms, each once, separated by commas; an ellipsis ends a long list."""
        return join_names([term.name for term in self.terms])

    @property
    def parts(self) -> tuple[tuple[Term, ...], ...]:
        """The terms in groups that divide their views; each group has one score in the history of an ascent."""
        parts: list[tuple[Term, ...]] = []
        for term in self.terms:
            if term.share[0] == 0:
                parts.append(())
            parts[-1] += (term,)
        return tuple(parts)

    def __repr__(self) -> str:
        return f"Objective({self.name!r})"

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.terms + other.terms) if isinstance(other, Objective) else NotImplemented

    def __radd__(self, other: int) -> "Objective":
        # `sum` begins with 0 and adds the first objective to it.
        return self if other == 0 else NotImplemented

    def __mul__(self, factor: float) -> "Objective":
        if not isinstance(factor, int | float):
            return NotImplemented
        return Objective(tuple(replace(term, weight=term.weight * factor) for term in self.terms))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Objective":
        return self * (1 / divisor) if isinstance(divisor, int | float) else NotImplemented

    def __neg__(self) -> "Objective":
        return self * -1

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -other if isinstance(other, Objective) else NotImplemented


def make_objective(
    name: str, asked: Sequence[tuple[Judge | None, Score]], weight: float = 1.0, **settings: Any
) -> Objective:
    """Return an objective with a term for each pair of a judge and a score; they divide the views and the weight."""
    check_weight(weight, "the objective")
    count = len(asked)
    return Objective(
        tuple(
            Term(name, score, judge, weight / count, share=(number, count), **settings)
            for number, (judge, score) in enumerate(asked)
        )
    )


def list_objectives(objectives: Objective | Sequence[Objective]) -> list[Objective]:
    """Return one or several objectives as a list."""
    several = list(objectives) if isinstance(objectives, Sequence) else [objectives]
    for objective in several:
        if not isinstance(objective, Objective):
            raise ValueError(
                f"{type(objective).__name__} is no objective; make one, such as class_objective(classifier, "
                "'jellyfish'); of a Term of your own, Objective((term,)); of a wish, wish.resolve(judge)"
            )
    return several


def join_objectives(objectives: Objective | Sequence[Objective], purpose: str = "climb") -> Objective:
    """Return one or several objectives as their sum; `purpose` is a verb that messages use."""
    several = list_objectives(objectives)
    if not several:
        raise ValueError(f"no objective is given, so there is nothing to {purpose}; give at least one")
    total = Objective(tuple(term for objective in several for term in objective.terms))
    if not any(term.largest_weight for term in total.terms):
        raise ValueError(f"the weights of all objectives are 0, so there is nothing to {purpose}; raise one above 0")
    if names := _find_cancelled(total.terms):
        raise ValueError(f"'{join_names(names)}' is asked for and against alike, so gradients cancel; leave one out")
    return total


def _find_cancelled(terms: Sequence[Term]) -> list[str]:
    """Return the names of terms whose weights add up to 0 with those of equal terms, if that is so for all terms."""
    sums: dict[tuple[Any, ...], float] = {}
    for term in terms:
        asked = term.judge and (id(term.judge.module), term.judge.answer_key)
        images = [*map(id, (*term.regions, *term.references))]
        key: tuple[Any, ...] = (term.score, asked, *images, term.fades, term.tracks, term.share)
        try:
            hash(key)
        except TypeError:  # Of a score of the user, of which is not known when it equals another.
            key = (id(term),)
        sums[key] = sums.get(key, 0.0) + term.weight
    scale = max(abs(term.weight) for term in terms)
    return [] if any(abs(total) > 1e-9 * scale for total in sums.values()) else [term.name for term in terms]
