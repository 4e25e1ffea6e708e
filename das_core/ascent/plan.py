"""The plan of an ascent: what is asked of which judge and for which images. It is made once, before anything runs."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.devices import make_constant
from ..common.timeline import Timeline
from ..models.judge import Judge
from ..models.layers.activations import merge_judges
from ..objectives.objective import Objective, join_objectives
from ..objectives.term import Term
from ..stack.spec import StackSpec


@dataclass(frozen=True, eq=False)
class Member:
    """A term, the name of its part of the objective, and the factor of its weight for each image (None: all 1)."""

    name: str
    term: Term
    factors: tuple[float, ...] | None = None

    def find_factors(self, images: Sequence[int]) -> tuple[float, ...] | None:
        """Return the factor for each of some views, given the numbers of their images; None if all are 1."""
        return None if self.factors is None else tuple(self.factors[image] for image in images)


@dataclass(frozen=True, eq=False)
class TermGroup:
    """Terms that share their views of `images` images: one run of a judge answers them all (`make_plan`)."""

    judge: Judge | None
    members: tuple[Member, ...]
    images: int = 1
    is_series: bool = False

    def __post_init__(self) -> None:
        if self.compares_images and len(self.shown) < self.images:
            raise ValueError(f"'{self.members[0].name}' compares all images, so it has to count for all of them")

    @property
    def compares_images(self) -> bool:
        """Whether the terms compare the images of a batch, see `Term.compares_images`."""
        return self.members[0].term.compares_images

    @property
    def shown(self) -> list[int]:
        """The numbers of the images for which a term has a factor other than 0; all images if there is none."""
        known = [member.factors for member in self.members]
        images = range(self.images)
        return [image for image in images if any(each is None or each[image] for each in known)] or list(images)

    def choose_views(self, views: int, step: int) -> list[int]:
        """Return which views of a step the group sees: with the share (k, n) every n-th, from another one each step."""
        number, count = self.members[0].term.share
        return list(range((number - step) % count, views, count))

    def weigh(self, progress: float, device: torch.device) -> float | Tensor:
        """Return the sum of the absolute weights of the terms: one number, or one for each image, (B, 1, 1, 1). For a
        film or a zoom it is the root mean square over the images, because their gradients are balanced together."""
        known = [(abs(member.term.weight_at(progress)), member.factors) for member in self.members]
        if all(factors is None for _, factors in known):
            return sum(weight for weight, _ in known)
        each = [
            sum(weight * (1.0 if factors is None else abs(factors[image])) for weight, factors in known)
            for image in range(self.images)
        ]
        if self.is_series:
            return math.sqrt(sum(weight**2 for weight in each) / self.images)
        return make_constant(tuple(each), torch.float32, device)[:, None, None, None]


@dataclass(frozen=True, eq=False)
class Plan:
    """The terms of an ascent: the parts of the objective by names that differ, and groups, those without a judge and
    those that compare images last: without the latter, others keep their numbers, by which views are drawn.
    In a series, of frames of a film or moments of a zoom, the views of a step are divided among the images."""

    parts: Mapping[str, tuple[Term, ...]]
    groups: tuple[TermGroup, ...]
    timeline: Timeline
    is_series: bool = False

    @property
    def judges(self) -> list[Judge]:
        """The judge of every group that has one."""
        return [group.judge for group in self.groups if group.judge is not None]

    @property
    def members(self) -> list[Member]:
        """The terms of all groups."""
        return [member for group in self.groups for member in group.members]


def make_plan(
    objectives: Objective | Sequence[Objective] | Plan, spec: StackSpec, batch: int, purpose: str = "climb"
) -> Plan:
    """Return the plan of objectives for a stack of `batch` images; a plan is returned as it is. Terms share a group if
    they have one module, kind of answer and share of the views, and the same region masks, as objects."""
    if isinstance(objectives, Plan):
        return objectives
    timeline, is_series = spec.find_timeline(batch), spec.time is not None or spec.zoom is not None
    parts = _name_parts(join_objectives(objectives, purpose))
    found: dict[tuple[object, ...], list[Member]] = {}
    for name, term in [(name, term) for name, terms in parts.items() for term in terms]:
        _check(name, term, timeline, spec, is_series=is_series)
        source = id(term if term.judge is None else term.judge.module)
        regions = tuple(map(id, term.regions))
        key = (source, term.judge and term.judge.answer_key, term.share, term.compares_images, regions)
        found.setdefault(key, []).append(Member(name, term, term.weigh_images(timeline)))
    groups = []
    for members in found.values():
        judges = [member.term.judge for member in members if member.term.judge is not None]
        judge = merge_judges(judges) if judges else None
        groups.append(TermGroup(judge, tuple(members), len(timeline.moments), is_series))
    return Plan(
        parts,
        tuple(sorted(groups, key=lambda group: group.judge is None or group.compares_images)),
        timeline,
        is_series,
    )


def _name_parts(objective: Objective) -> dict[str, tuple[Term, ...]]:
    """Return the parts of an objective by names that differ."""
    named: dict[str, tuple[Term, ...]] = {}
    for part in objective.parts:
        candidates = (f"{part[0].name} ({number})" for number in itertools.count(2))
        free = next(name for name in itertools.chain([part[0].name], candidates) if name not in named)
        named[free] = part
    return named


def _check(name: str, term: Term, timeline: Timeline, spec: StackSpec, *, is_series: bool) -> None:
    if spec.zoom is not None and term.regions:
        raise ValueError("a zoom has no regions, for its pictures move through each other; leave the mask out")
    if term.compares_images and timeline.count < 2:
        raise ValueError(f"'{name}' compares the images of a batch, and there is one; make 2 or more")
    if term.compares_images and is_series:
        raise ValueError(f"'{name}' makes images differ, and {timeline.unit}s belong together; leave it out")
