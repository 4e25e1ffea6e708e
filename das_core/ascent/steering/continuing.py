"""What an ascent that goes on starts from: the images that climb, also at twice the size, and what is asked of them."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ...objectives.per_image import PerImageScore
from ...objectives.term import Term
from ...stack.image_stack import ImageStack
from ...stack.render import enlarge_stack
from ...views.augmentation import Augmentation
from ..plan import Member, Plan
from ..spreading import select_images
from ..within import Within
from .acts import Course


def continue_course(
    course: Course, augmentation: Augmentation, within: Within | None, scale: int
) -> tuple[Course, Augmentation, Within | None]:
    """Return the course of the images that climb, at `scale` times the size, views that reach as far into the margin,
    and a bound in which each pixel may change as much."""
    stack, plan = course.stack, course.plan
    if len(course.images) < stack.batch:
        stack, plan = select_stack(stack, course.images), _select_plan(plan, course.images)
    if scale > 1:
        stack = enlarge_stack(stack, scale)
    if within is not None:
        within = within.enlarge(scale)
        stack = within.project(stack)  # Interpolation overshoots.
    windows = replace(augmentation.windows, jitter=scale * augmentation.windows.jitter)
    images = tuple(range(stack.batch))
    return Course(plan, course.focus, stack, images), replace(augmentation, windows=windows), within


def select_stack(stack: ImageStack, images: Sequence[int]) -> ImageStack:
    """Return a stack of some of the images, without the state of its optimizer."""
    around = stack.surroundings
    start, canvas = (select_images(each, images) for each in (stack.start, stack.canvas))
    return ImageStack(stack.spec, start, canvas, stack.steps, None, around and around.select(images))


def _select_plan(plan: Plan, images: Sequence[int]) -> Plan:
    """Return a plan for some of the images, which get numbers from 0."""

    def select_each(values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(each if len(each) == 1 else select_images(each, images) for each in values)

    def select_term(term: Term) -> Term:
        score = term.score
        if isinstance(score, PerImageScore):
            own = [image % len(score.scores) for image in images]
            score = PerImageScore(tuple(score.scores[n] for n in own), tuple(score.names[n] for n in own))
        return replace(
            term, score=score, regions=select_each(term.regions), references=select_each(term.references), images=1
        )

    def select_member(member: Member) -> Member:
        return Member(member.name, select_term(member.term), member.find_factors(images))

    groups = tuple(
        replace(group, members=tuple(map(select_member, group.members)), images=len(images)) for group in plan.groups
    )
    return replace(plan, groups=groups, timeline=type(plan.timeline).from_images(len(images)))
