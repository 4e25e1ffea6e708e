"""Several models as one: what each asks for counts by its weight, not by the size its gradients happen to have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .models.judge import Judge
from .models.watched import Watched, joined
from .objectives.base import Objective
from .objectives.region import regions_of

Named = tuple[str, Objective]


def named(objectives: Sequence[Objective]) -> list[Named]:
    """Objectives with names that differ: the second 'cat' is 'cat (2)'."""
    result: list[Named] = []
    for objective in objectives:
        same = sum(other.name == objective.name for _, other in result)
        result.append((objective.name + (f" ({same + 1})" if same else ""), objective))
    return result


@dataclass(frozen=True)
class Group:
    """Objectives that look at the same views: one judge, in one region; or one that asks the picture itself."""

    judge: Judge | None
    regions: tuple[Tensor, ...]
    members: list[Named]


def grouped(objectives: Sequence[Named]) -> list[Group]:
    """The objectives by what they look at, so that every view goes through a model once; those without a model last.

    What a model says and what goes on inside of it count as two: their scores are of unlike size.
    """
    groups: dict[tuple[object, ...], list[Named]] = {}
    for name, objective in objectives:
        judge = objective.judge
        asked = id(objective if judge is None else judge.module)
        key = (asked, isinstance(judge, Watched), *map(id, regions_of(objective)))
        groups.setdefault(key, []).append((name, objective))
    found = [_group(members) for members in groups.values()]
    return sorted(found, key=lambda group: group.judge is None)


def _group(members: list[Named]) -> Group:
    judges = [objective.judge for _, objective in members if objective.judge is not None]
    return Group(joined(judges) if judges else None, regions_of(members[0][1]), members)


def balanced(gradients: Sequence[Tensor], weights: Sequence[float], move: Callable[[Tensor], Tensor]) -> Tensor:
    """The sum of the gradients (B, 3, H, W) of several models, each scaled to count by its weight.

    A gradient is as large as the change of the canvas that it leads to (`move`), for every image by itself: a model
    whose gradient is all fine grain, which a stack lets little of through, would be lost otherwise. All are brought to
    the scale that the first has for a weight of 1, so that adding a model leaves the others as they are; `weights` are
    the sums of the absolute weights of what is asked of each model. A single gradient is left as it is.
    """
    if len(gradients) == 1:
        return gradients[0]
    sizes = []
    for gradient, weight in zip(gradients, weights, strict=True):
        size = move(gradient).square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        sizes.append(size / weight if weight else torch.zeros_like(size))
    scale = torch.zeros_like(sizes[0])
    for size in sizes:
        scale = torch.where(scale == 0, size, scale)
    total = torch.zeros_like(gradients[0])
    for gradient, size in zip(gradients, sizes, strict=True):
        # One that leads nowhere has no scale to be brought to.
        total = total + gradient * torch.where(size == 0, 0.0, scale / size)
    return total
