"""Terms: a score of what a judge answers, with a weight, a place and a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
