"""Terms: a score of what a judge answers, with a weight, a place and a time."""

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.scalars import check_number
from ..common.text import truncate
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight
from ..models.judge import Judge

Score = Callable[[Any, Tensor], Tensor]
"""A function from the output of a judge for V views, and the number of the image of each, to a score for each."""

LONGEST_NAME = 60


def _say_nothing(score: float) -> str:
    """Return no text: most scores, such as a cosine of -0.1, do not tell anybody how good they are."""
    return ""


def join_names(names: Sequence[str], separator: str = ", ") -> str:
    """Return names as one text, each once; an ellipsis ends a long text."""
    return truncate(separator.join(dict.fromkeys(names)), LONGEST_NAME)


Point = tuple[int, float]  # The number of a frame, from 0, and a factor.


@dataclass(frozen=True)
class Fade:
    """A factor of a weight that gets from `start` at the first step to `end` at the last."""

    start: float
    end: float
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        check_curve(self.curve)
        check_weight(self.start, "the start")
        check_weight(self.end, "the end")


class TrackError(ValueError):
    """The error for a track that does not fit the images of a stack, such as a film with too few frames."""


@dataclass(frozen=True)
class Track:
    """A factor that differs from frame to frame, interpolated between keyframes, for films of `frames` frames if given;
    messages say what is `asked` at a keyframe. With `repeats`, points are the factors of images, again and again."""

    points: tuple[Point, ...]
    curve: Curve = "linear"
    frames: int | None = None
    asked: Mapping[int, str] = field(default_factory=dict, repr=False, compare=False)
    repeats: bool = False

    def __post_init__(self) -> None:
        check_curve(self.curve)
        if not self.points:
            raise ValueError("a track has no keyframe; give at least one, such as (0, 1.0)")
        for frame, factor in self.points:
            check_number("keyframe", frame, 0, math.inf, "0 is the first frame", whole=True)
            check_weight(factor, f"keyframe {frame}")
        points = tuple(sorted((int(frame), factor) for frame, factor in self.points))
        for (frame, _), (following, _) in pairwise(points):
            if frame == following:
                raise ValueError(f"keyframe {frame} stands there twice; leave one out")
        object.__setattr__(self, "points", points)

    def weigh(self, timeline: Timeline, name: str) -> tuple[float, ...]:
        """Return the factor of every image of a timeline; messages name the term `name`."""
        if self.repeats:
            return tuple(self.points[image % len(self.points)][1] for image in range(len(timeline.moments)))
        there = f"{timeline.count} {timeline.unit}{'s' * (timeline.count != 1)}"
        if self.frames not in (None, timeline.count):
            raise TrackError(
                f"the track of '{name}' has {self.frames} weights and there are {there}; give one for each"
            )
        end, last = timeline.end, self.points[-1][0]
        if last > end:
            raise TrackError(
                f"keyframe {last} of '{self.asked.get(last, name)}' is beyond the end of {there}; write keyframes "
                f"from 0 to {end}, or take more {timeline.unit}s"
            )
        if timeline.loop:
            points = dict(self.points)
            again = points.pop(end, None)
            if again is not None and points.setdefault(0, again) != again:
                asked = f"'{self.asked[end]}' and '{self.asked[0]}'" if self.asked else f"different things of '{name}'"
                raise TrackError(
                    f"keyframe {end} of a loop of {there} is {timeline.unit} 0 again, and they ask for {asked}; "
                    "leave one out"
                )
            known = sorted(points.items())
            (first, at_first), (latest, at_latest) = known[0], known[-1]
            # The last keyframe is repeated before the first, and the first after the last, so that the loop is closed.
            known = [(latest - end, at_latest), *known, (first + end, at_first)]
        else:
            # The first factor is repeated before frame 0, the last one after the end: every frame lies between two.
            known = [(-1, self.points[0][1]), *self.points, (end + 1, self.points[-1][1])]
        factors = []
        for moment in timeline.moments:
            behind = bisect_right(known, moment, key=operator.itemgetter(0))
            (before, start), (after, aim) = known[behind - 1 : behind + 1]
            factors.append(interpolate(start, aim, self.curve, (moment - before) / (after - before)))
        return tuple(factors)


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
        >>> import direct_ascent as da
        >>> def score_brightness(canvas, images):
        ...     return canvas.pixels.mean(dim=(1, 2, 3))
        >>> stack = da.ImageStack.gray(da.StackSpec(width=32, height=32, margin=8))
        >>> result = da.Ascent(stack, da.Objective((da.Term("brightness", score_brightness),)), steps=3).run()
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
