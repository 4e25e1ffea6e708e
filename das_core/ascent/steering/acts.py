"""Acts: what a person changes while an ascent runs, as data that replays it (`Ascent.steer`).

An act changes the `Course` of the steps that follow. The picture depends on the settings and on the acts with their
steps, so both together make it again, bit for bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from ...common.interruption import pausing
from ...common.masks import FAINTEST_MASK, canvas_mask
from ...common.scalars import as_list, as_number, as_whole, check_number, set_fields
from ...common.text import shorten
from ...stack.image_stack import ImageStack
from ...stack.start import Surroundings
from ..focus import Focus
from ..plan import Member, Plan

MOST_POINTS = 5_000  # Of the strokes of one `Protect`: minutes of painting, and drawn within a second.
_LARGEST_FACTOR = 10.0

Point = tuple[float, float, float]
"""The row and the column of a circle, in shares of the height and the width of the picture, and its radius, in shares
of the short side."""


@dataclass(frozen=True, eq=False)
class Course:
    """What acts change: the plan of an ascent, its focus, its stack, and the numbers of the images that go on."""

    plan: Plan
    focus: Focus | None
    stack: ImageStack
    images: tuple[int, ...]


class ActError(ValueError):
    """The error for an act that is to be steered again, and does not fit the ascent."""


class Act(Protocol):
    """A change of the course of an ascent; a frozen dataclass."""

    def steer(self, course: Course) -> Course:
        """Return the course from the next step on, or raise a ValueError."""


TimedAct = tuple[int, Act]
"""How many steps were done before an act, and the act."""


@dataclass(frozen=True)
class Weigh:
    """From now on, a part of the objective counts this many times its own weight.

    Args:
        objective: the name of the part, as in `Record.scores`.
        factor: 0 (it does not count) to 10; 1 is its own weight.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> ascent = da.Ascent(stack, [da.prior("total_variation"), da.prior("spectrum")], steps=4)
        >>> for step in ascent:
        ...     if step.record.step == 1:
        ...         ascent.steer(da.steering.Weigh("spectrum", 0.5))
        >>> ascent.acts
        [(2, Weigh(objective='spectrum', factor=0.5))]
    """

    objective: str
    factor: float

    def __post_init__(self) -> None:
        if not isinstance(self.objective, str):
            raise ValueError(f"{shorten(self.objective)} is no name of an objective; give a text")
        set_fields(self, factor=check_number("factor", self.factor, 0, _LARGEST_FACTOR, "1 is its own weight"))

    def steer(self, course: Course) -> Course:
        """Return the course with another weight of the part."""
        plan = course.plan
        known = list(dict.fromkeys(member.name for member in plan.members))
        if self.objective not in known:
            raise ValueError(f"there is no objective '{shorten(self.objective)}'; there are {shorten(known, 300)}")

        def weigh(member: Member) -> Member:
            if member.name != self.objective:
                return member
            own = plan.parts[member.name][member.term.share[0]].weight
            return replace(member, term=replace(member.term, weight=own * self.factor))

        changed = _change_members(plan, weigh)
        if not _counts(changed, course.images):
            raise ValueError(f"without '{shorten(self.objective)}' nothing is left to climb; raise another one first")
        return replace(course, plan=changed)


@dataclass(frozen=True)
class Choose:
    """From now on, only some images of the batch climb; the others stay as they are.

    Terms that compare all images, such as `diversity`, are left out.

    Args:
        images: the numbers of the images that go on, from 0.

    Example:
        >>> import direct_ascent as da
        >>> da.steering.Choose([2, 0])
        Choose(images=(0, 2))
    """

    images: Sequence[int]

    def __post_init__(self) -> None:
        whole = [as_whole(image) for image in as_list("images", self.images, "[0, 2]")]
        if not whole or any(image is None or image < 0 for image in whole):
            raise ValueError(f"images {shorten(self.images)} are no numbers of images from 0 up; give some, as [0, 2]")
        set_fields(self, images=tuple(sorted({image for image in whole if image is not None})))

    def steer(self, course: Course) -> Course:
        """Return the course with fewer images."""
        plan = course.plan
        if plan.is_series:
            raise ValueError(f"{plan.timeline.unit}s belong together, so none can go on alone; choose among a batch")
        if gone := [image for image in self.images if image not in course.images]:
            raise ValueError(f"there is no image {gone[0]} that climbs; choose among {shorten(course.images)}")

        def choose(member: Member) -> Member:
            known = member.factors or (1.0,) * plan.timeline.count
            return replace(member, factors=tuple(f * (image in self.images) for image, f in enumerate(known)))

        groups = tuple(group for group in plan.groups if not group.compares_images)
        changed = _change_members(replace(plan, groups=groups), choose)
        if not _counts(changed, self.images):
            raise ValueError(f"no objective is for the images {shorten(self.images)} alone; choose others")
        return replace(course, plan=changed, images=tuple(self.images))


@dataclass(frozen=True)
class Place:
    """From now on, the focus opens from here.

    Args:
        row: 0 (the upper edge of the picture) to 1 (the lower one).
        column: 0 (the left edge) to 1 (the right one).

    Example:
        >>> import direct_ascent as da
        >>> da.steering.Place(row=0.3, column=0.75)  # above the middle, on the right
        Place(row=0.3, column=0.75)
    """

    row: float
    column: float

    def __post_init__(self) -> None:
        row, column = (check_number(name, getattr(self, name), 0, 1, "0.5 is the middle") for name in ("row", "column"))
        set_fields(self, row=row, column=column)

    def steer(self, course: Course) -> Course:
        """Return the course with another centre of the focus."""
        if course.focus is None:
            raise ValueError("the ascent has no focus to place: the whole picture grows at once; give it a Focus")
        return replace(course, focus=replace(course.focus, center=(self.row, self.column)))


@dataclass(frozen=True)
class Protect:
    """From now on, the picture stays as it is, bit for bit, where a brush has been; models go on seeing it. Around the
    brush, over half its radius, it changes the more the farther away: what stays has no edge.

    Args:
        strokes: the strokes of the brush, each of one or more circles: (row, column, radius), the first two in shares
            of the height and the width of the picture, 0..1, the radius in shares of its short side, above 0 to 1.
            Within a stroke the circles are joined. At most 5,000 circles.

    Example:
        >>> import direct_ascent as da
        >>> da.steering.Protect([[(0.2, 0.5, 0.1), (0.2, 0.8, 0.1)]])
        Protect(strokes=(((0.2, 0.5, 0.1), (0.2, 0.8, 0.1)),))
    """

    strokes: Sequence[Sequence[Point]]

    def __post_init__(self) -> None:
        given = as_list("strokes", self.strokes, "[[(0.5, 0.5, 0.1)]]")
        strokes = [as_list("a stroke", stroke, "[(0.5, 0.5, 0.1)]") for stroke in given]
        if not strokes or not all(strokes) or sum(map(len, strokes)) > MOST_POINTS:
            raise ValueError(f"strokes need 1 to {MOST_POINTS} circles, at least one each, such as (0.5, 0.5, 0.1)")
        set_fields(self, strokes=tuple(tuple(map(_check_point, stroke)) for stroke in strokes))

    def steer(self, course: Course) -> Course:
        """Return the course with the picture of now around the stack where the brush was."""
        stack = course.stack
        spec, device = stack.spec, stack.canvas.device
        if spec.zoom is not None:
            raise ValueError("the pictures of a zoom move through each other, so nothing in it stays; leave it out")
        free = 1 - self.draw(spec.height, spec.width)
        around, now = stack.surroundings, stack.pixels()
        if bool((free > 0).any()):
            mask = canvas_mask(free[None], (spec.height, spec.width), spec.margin).to(device)
            pixels = now
            if around is None:
                mask = mask.expand(stack.batch, -1, -1, -1)
            else:
                # In the fringe of the brush, what looks as now once the stack is in front of it.
                whole, mask = mask == 1, mask * around.mask
                behind = (now - mask * replace(stack, surroundings=None).pixels()) / (1 - mask).clamp(min=1e-6)
                pixels = torch.where(whole, around.pixels, behind.clamp(0, 1))
            if bool((mask.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
                return replace(course, stack=replace(stack, surroundings=Surroundings(pixels, mask)))
        raise ValueError("this would protect all that may change; protect less of it")

    def draw(self, height: int, width: int) -> Tensor:
        """Return where the brush was in a picture, (height, width): 1 there, less in the fringe, 0 elsewhere."""
        drawn = torch.zeros(height, width, dtype=torch.float32)
        short = min(height, width)
        for one, other in pausing(_list_segments(self.strokes)):
            (y0, x0, r0), (y1, x1, r1) = ((y * height, x * width, r * short) for y, x, r in (one, other))
            far = 1.5 * max(r0, r1) + 1
            top, left = max(0, int(min(y0, y1) - far)), max(0, int(min(x0, x1) - far))
            part = drawn[top : int(max(y0, y1) + far) + 1, left : int(max(x0, x1) + far) + 1]
            rows, columns = (
                torch.arange(count, dtype=torch.float32) + first + 0.5
                for count, first in zip(part.shape, (top, left), strict=True)
            )
            down, right, dy, dx = rows[:, None] - y0, columns - x0, y1 - y0, x1 - x0
            # How far along the segment the nearest of its points is, 0..1.
            along = ((down * dy + right * dx) / max(dy * dy + dx * dx, 1e-9)).clamp(0, 1)
            radius = r0 + (r1 - r0) * along
            apart = torch.hypot(down - along * dy, right - along * dx)
            torch.maximum(part, (3 - 2 * apart / radius).clamp(0, 1), out=part)
        return drawn


@dataclass(frozen=True)
class GoOn:
    """The end of an ascent, and the beginning of another that goes on from it (`Ascent.go_on`); `split_acts` finds it.

    Args:
        scale: how many times as wide and high the pictures become: 1 or 2.

    Raises:
        ValueError: when the scale is neither.

    Example:
        >>> import direct_ascent as da
        >>> da.steering.write_acts([(60, da.steering.GoOn(2))])
        '[[60,"go_on",2]]'
    """

    scale: int = 2

    def __post_init__(self) -> None:
        advice = "1: as large as before, 2: twice as large"
        set_fields(self, scale=check_number("scale", self.scale, 1, 2, advice, whole=True))

    def steer(self, course: Course) -> Course:
        """Raise a ValueError, for this begins an ascent of its own."""
        raise ValueError("an ascent has one size; after its last step, go_on() makes the next one (split_acts)")


def _counts(plan: Plan, images: Sequence[int]) -> bool:
    """Return whether a term counts for one of some images."""
    return any(m.term.largest_weight and any(m.find_factors(images) or (1.0,)) for m in plan.members)


def _change_members(plan: Plan, change: Any) -> Plan:
    """Return a plan with the same groups of changed members."""
    groups = (replace(group, members=tuple(map(change, group.members))) for group in plan.groups)
    return replace(plan, groups=tuple(groups))


def _list_segments(strokes: Sequence[Sequence[Point]]) -> Iterator[tuple[Point, Point]]:
    """Yield the two ends of each segment of some strokes; a stroke of one circle begins and ends with it."""
    for stroke in strokes:
        yield from zip(stroke, stroke[1:] or stroke, strict=False)


def _check_point(point: Any) -> Point:
    values = as_list("a circle", point, "(0.5, 0.5, 0.1)")
    row, column, radius = (as_number(value) for value in values) if len(values) == 3 else (None, None, None)
    if row is None or column is None or radius is None or not (0 <= row <= 1 and 0 <= column <= 1 and 0 < radius <= 1):
        raise ValueError(
            f"a circle {shorten(values)} is no row and column from 0 to 1 and radius above 0, as (0.5, 0.5, 0.1)"
        )
    return row, column, radius
