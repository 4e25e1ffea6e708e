"""Factors of a weight over time: over the steps of an ascent, or over the frames of a film."""

import math
import operator
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..common.curves import Curve, check_curve, interpolate
from ..common.scalars import check_number
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight

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
    """A factor that differs from frame to frame, interpolated between keyframes, and around the end of a loop. With
    `frames` it fits only films of so many; `wishes` are what is asked for at each keyframe, for messages. With
    `repeats` the points are the factors of images 0, 1, … of a batch, again and again."""

    points: tuple[Point, ...]
    curve: Curve = "linear"
    frames: int | None = None
    wishes: Mapping[int, str] = field(default_factory=dict, repr=False, compare=False)
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
                f"keyframe {last} of '{self.wishes.get(last, name)}' is beyond the end of {there}; write keyframes "
                f"from 0 to {end}, or take more {timeline.unit}s"
            )
        if timeline.loop:
            points = dict(self.points)
            again = points.pop(end, None)
            if again is not None and points.setdefault(0, again) != again:
                asked = f"different things of '{name}'"
                if self.wishes:
                    asked = f"'{self.wishes[end]}' and '{self.wishes[0]}'"
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
