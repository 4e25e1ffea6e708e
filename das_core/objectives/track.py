"""Objectives over time: a track multiplies the weight of an objective by a factor for each frame or depth."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..common.curves import Curve, check_curve, interpolate
from ..common.keyframes import parse_keyframes
from ..common.text import shorten
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight
from .base import Objective
from .wrapped import WrappedObjective

MOST_KEYFRAMES = 1025
"""The most keyframes that `make_tracks` takes: one for each of the 1024 frames of the longest film, and one
for its end.

Every wish gets a factor at every keyframe, so the work grows with the square of the number of keyframes."""

Point = tuple[int, float]
"""The number of a frame, from 0, and a factor."""


class TrackError(ValueError):
    """The error for a track that does not fit the images of a stack, such as a film with too few frames.

    Example:
        >>> from das_core import Prior, Track
        >>> from das_core.objectives.track import TrackError
        >>> try:
        ...     Track(Prior("l2"), points=((24, 1.0),)).terms()[0].image_weights(Timeline.from_images(12, unit="frame"))
        ... except TrackError as error:
        ...     print(error)
        keyframe 24 of 'l2' is beyond the end of 12 frames; write keyframes from 0 to 12, or take more frames
    """


@dataclass(frozen=True)
class Track(WrappedObjective):
    """An objective whose weight is multiplied by a factor that differs from frame to frame.

    Between two keyframes the factor is interpolated. Before the first keyframe and after the last it is constant; in a
    loop it is instead interpolated from the last keyframe to the first. The model is not run on frames whose factor is
    0, unless another objective needs them. In a zoom the depths take the place of the frames; in a batch of separate
    pictures, the pictures do.

    Args:
        objective: the objective whose weight is multiplied.
        points: the keyframes, in any order; each is a pair of the number of a frame, from 0, and the factor there. In a
            film of n frames a keyframe may also have the number n, which is the end of the film; in a loop the end is
            frame 0 again. In a zoom of n depths the number n is allowed only in a loop.
        curve: how the factor changes from one keyframe to the next, see `common.curves.Curve`.
        frames: the number of frames, if a factor was given for each of them (`from_weights`): the track then fits only
            a film of that many frames. None for a track that fits every film that contains its keyframes.

    Raises:
        ValueError: when there is no keyframe; two keyframes have the same number; a number is not a whole number from
            0 up; a factor is not finite or too large; or there is no such curve.

    Example:
        >>> from das_core import Prior, Time, Track
        >>> smooth = Track(Prior("total_variation"), points=((0, 1.0), (4, 0.0)))
        >>> [term.image_weights(Time(6).timeline) for term in smooth.terms()]
        [(1.0, 0.75, 0.5, 0.25, 0.0, 0.0)]
        >>> [term.image_weights(Time(6, loop=True).timeline) for term in smooth.terms()]
        [(1.0, 0.75, 0.5, 0.25, 0.0, 0.5)]
    """

    points: tuple[Point, ...] = ()
    curve: Curve = "linear"
    frames: int | None = None

    def __post_init__(self) -> None:
        check_curve(self.curve)
        if not self.points:
            raise ValueError("a track has no keyframe; give at least one, such as (0, 1.0)")
        for frame, factor in self.points:
            if type(frame) is not int or frame < 0:
                raise ValueError(f"keyframe {shorten(frame)} is not a whole number from 0 up")
            check_weight(factor, f"keyframe {frame}")
        points = tuple(sorted(self.points))
        for (frame, _), (following, _) in pairwise(points):
            if frame == following:
                raise ValueError(f"keyframe {frame} stands there twice; leave one out")
        object.__setattr__(self, "points", points)

    @classmethod
    def from_weights(cls, objective: Objective, weights: Sequence[float]) -> "Track":
        """Return a track with a separate factor for every frame, such as the loudness of a sound at that frame.

        Args:
            objective: the objective whose weight is multiplied.
            weights: as many factors as the film has frames.

        Raises:
            ValueError: when there are no weights, or one of them is not finite or too large.

        Example:
            >>> from das_core import Prior, Time, Track
            >>> loud = Track.from_weights(Prior("total_variation"), [0.0, 0.3, 1.0])
            >>> loud.terms()[0].image_weights(Time(3).timeline)
            (0.0, 0.3, 1.0)
        """
        factors = [float(weight) for weight in weights]
        return cls(objective, tuple(enumerate(factors)), frames=len(factors))

    @property
    def weight(self) -> float:
        """The weight of the wrapped objective times the factor with the largest absolute value among the keyframes."""
        return max((factor for _, factor in self.points), key=abs) * super().weight

    def change_image_weights(self, weights: tuple[float, ...] | None, timeline: Timeline) -> tuple[float, ...] | None:
        """Return for every image the factor of this track times the factor of the image in `weights`.

        Args:
            weights: the factors without this track, one for each image; None if all are 1.
            timeline: the positions of the images.

        Raises:
            TrackError: when the track does not fit the timeline.
        """
        own = self._weigh(timeline)
        return own if weights is None else tuple(one * more for one, more in zip(own, weights, strict=True))

    def _weigh(self, timeline: Timeline) -> tuple[float, ...]:
        """Return the factor of every image of a timeline; raise `TrackError` if the track does not fit the timeline."""
        there = f"{timeline.count} {timeline.unit}{'s' * (timeline.count != 1)}"
        if self.frames not in (None, timeline.count):
            raise TrackError(
                f"the track of '{self.name}' has {self.frames} weights and there are {there}; give one for each"
            )
        end, last = timeline.end, self.points[-1][0]
        if last > end:
            raise TrackError(
                f"keyframe {last} of '{self.name}' is beyond the end of {there}; write keyframes from 0 to {end}, or "
                f"take more {timeline.unit}s"
            )
        points = dict(self.points)
        if timeline.loop:
            again = points.pop(end, None)
            if again is not None and points.setdefault(0, again) != again:
                raise TrackError(
                    f"keyframe {end} of a loop of {there} is {timeline.unit} 0 again, and they ask for different "
                    f"things of '{self.name}'; leave one out"
                )
            known = sorted(points.items())
            (first, at_first), (latest, at_latest) = known[0], known[-1]
            # The last keyframe is repeated before the first, and the first after the last, so that the loop is closed.
            known = [(latest - end, at_latest), *known, (first + end, at_first)]
        else:
            known = sorted(points.items())
            # The first factor is repeated before frame 0 and the last one after the end, so that every frame lies
            # between two keyframes.
            known = [(-1, known[0][1]), *known, (end + 1, known[-1][1])]
        numbers = [number for number, _ in known]
        return tuple(self._interpolate(known, bisect_right(numbers, moment), moment) for moment in timeline.moments)

    def _interpolate(self, known: Sequence[Point], behind: int, moment: float) -> float:
        """Return the factor at a moment, interpolated between the keyframe before it and the keyframe after it.

        Args:
            known: the keyframes in rising order; each is a pair of a position and the factor there.
            behind: the index in `known`, from 0, of the first keyframe after the moment.
            moment: a position, counted as those of the keyframes: 2 is frame 2, for example.
        """
        (first, start), (last, end) = known[behind - 1 : behind + 1]
        return interpolate(start, end, self.curve, (moment - first) / (last - first))


def make_tracks(
    keyframes: str | Mapping[int, Any], make: Callable[[Any], Objective | Sequence[Objective]], curve: Curve = "cosine"
) -> tuple[Track, ...]:
    """Return the tracks of the wishes of a film: a track for each objective of each wish.

    A wish is what is asked for at a keyframe, such as a class or a prompt. Its factor is 1 at its own keyframes and 0
    at the keyframes of other wishes; between two keyframes of different wishes, one wish fades out while the other
    fades in.

    Args:
        keyframes: a dictionary from frame numbers to wishes; or a text, see `parse_keyframes`.
        make: a function that makes one or several objectives from a wish. It is called once for every different wish:
            hashable values, such as texts and numbers, are one wish if they are equal and of one type; values that are
            not hashable, such as lists, are one wish only if they are the same object.
        curve: how the factors are interpolated between two keyframes. With `cosine` a wish keeps most of its factor
            near its keyframe, so the frames there show it more clearly than with `linear`.

    Raises:
        ValueError: when the text cannot be read; there are no keyframes or more than 1025; the number of a keyframe is
            not a whole number from 0 up; there is no such curve; or `make` cannot make an objective from a wish.

    Example:
        >>> from das_core import ClassObjective, load_starter, make_tracks
        >>> model = load_starter()
        >>> tracks = make_tracks("0: castle / 4: volcano / 8: castle", lambda name: ClassObjective(model, name))
        >>> [(track.name, track.points) for track in tracks]
        [('castle', ((0, 1.0), (4, 0.0), (8, 1.0))), ('volcano', ((0, 0.0), (4, 1.0), (8, 0.0)))]
    """
    wishes: Mapping[int, Any] = parse_keyframes(keyframes) if isinstance(keyframes, str) else keyframes
    if not wishes:
        raise ValueError("there is no keyframe; give at least one, such as {0: 'a castle'}")
    if len(wishes) > MOST_KEYFRAMES:
        raise ValueError(f"{len(wishes)} keyframes are more than a film has frames; give at most {MOST_KEYFRAMES}")
    # Each different wish gets a number. Below, these numbers are compared, not the wishes: tensors, for example, are
    # compared number by number.
    different: list[Any] = []
    numbers: dict[Any, int] = {}
    number_at: dict[int, int] = {}
    for frame, wish in wishes.items():
        number_at[frame] = numbers.setdefault(_identify(wish), len(different))
        if number_at[frame] == len(different):
            different.append(wish)
    tracks = []
    for number, wish in enumerate(different):
        points = tuple((frame, float(other == number)) for frame, other in number_at.items())
        made = make(wish)
        tracks += [Track(one, points, curve) for one in (made if isinstance(made, Sequence) else [made])]
    return tuple(tracks)


def _identify(wish: Any) -> tuple[Any, ...]:
    """Return a key for a wish; two wishes have equal keys if they count as the same wish.

    Hashable wishes count as the same if they are equal and of the same type; other wishes only if they are the same
    object. The type matters because in Python the values 1, 1.0 and True are equal.
    """
    try:
        hash(wish)
    except TypeError:
        return (id(wish),)
    return (type(wish), wish)
