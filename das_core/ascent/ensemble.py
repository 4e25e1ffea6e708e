"""Several models as one: what each asks for counts by its weight, not by the size its gradients happen to have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, merge_judges
from ..objectives.base import Objective

NamedObjective = tuple[str, Objective]


def name_objectives(objectives: Sequence[Objective]) -> list[NamedObjective]:
    """Return objectives with names that differ: the second 'cat' is called 'cat (2)'."""
    result: list[NamedObjective] = []
    for objective in objectives:
        same = sum(other.name == objective.name for _, other in result)
        result.append((objective.name + (f" ({same + 1})" if same else ""), objective))
    return result


@dataclass(frozen=True)
class ObjectiveGroup:
    """Objectives that look at the same views: one judge, in one region; or one that asks the picture itself."""

    judge: Judge | None
    regions: tuple[Tensor, ...]
    members: list[NamedObjective]


def group_by_judge(objectives: Sequence[NamedObjective]) -> list[ObjectiveGroup]:
    """Group objectives by the model and the regions they look at, so that every view goes through a model once.

    A model's answer and its activations make two groups, for their scores are of unlike size. Objectives without a
    model come last, each in a group of its own.
    """
    groups: dict[tuple[object, ...], list[NamedObjective]] = {}
    for name, objective in objectives:
        judge = objective.judge
        asked = id(objective if judge is None else judge.module)
        key = (asked, isinstance(judge, ActivationJudge), *map(id, objective.regions))
        groups.setdefault(key, []).append((name, objective))
    found = [_make_group(members) for members in groups.values()]
    return sorted(found, key=lambda group: group.judge is None)


def _make_group(members: list[NamedObjective]) -> ObjectiveGroup:
    judges = [objective.judge for _, objective in members if objective.judge is not None]
    return ObjectiveGroup(merge_judges(judges) if judges else None, members[0][1].regions, members)


def balance_gradients(
    gradients: Sequence[Tensor], weights: Sequence[float], move: Callable[[Tensor], Tensor]
) -> Tensor:
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
