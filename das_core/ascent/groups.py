"""Groups of objectives that share their views, and the gradients of several groups brought to one scale."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.judge import Judge
from ..models.layers.activations import merge_judges
from ..objectives.base import Objective

NamedObjective = tuple[str, Objective]
"""The name of an objective in one ascent, where no two have the same, and the objective."""


Turn = tuple[int, int]
"""The number of a part of an objective, and how many parts share out its views; (0, 1) sees all of them."""


def name_objectives(objectives: Sequence[Objective]) -> list[NamedObjective]:
    """Return objectives with names that differ.

    Args:
        objectives: in the order of the ascent.

    Returns:
        Pairs of a name and an objective, in the same order; the second one called 'cat' gets the name 'cat (2)'.
    """
    named: dict[str, Objective] = {}
    for objective in objectives:
        candidates = (f"{objective.name} ({number})" for number in itertools.count(2))
        free = next(name for name in itertools.chain([objective.name], candidates) if name not in named)
        named[free] = objective
    return list(named.items())


@dataclass(frozen=True, eq=False)
class ObjectiveGroup:
    """Objectives that share their views: same module, kind of answer and region masks; all or none compare images.

    Args:
        judge: the judge, which captures the layers of all members; None for a member that scores the pixels of the
            canvas.
        regions: the region masks of every member, (B or 1, h, w), 0..1.
        members: the objectives and their names. An objective with several parts (`Objective.parts`) is a member of
            several groups, in each of them with one part and under the same name.
        turn: which of the views are the group's, see `choose_views`.
    """

    judge: Judge | None
    regions: tuple[Tensor, ...]
    members: list[NamedObjective]
    turn: Turn = (0, 1)

    @property
    def compares_images(self) -> bool:
        """Whether one of the members compares the images of a batch, see `Objective.compares_images`."""
        return any(objective.compares_images for _, objective in self.members)

    def choose_views(self, views: int, step: int) -> list[int]:
        """Return the numbers of the views of a step that the group sees.

        Of n parts that share out the views, each sees every n-th one, and begins one view later at every step, so that
        a part sees something even if there are fewer views than parts.

        Args:
            views: how many views there are.
            step: the number of the step.

        Example:
            >>> from das_core.ascent.groups import ObjectiveGroup
            >>> second_of_two = ObjectiveGroup(judge=None, regions=(), members=[], turn=(1, 2))
            >>> second_of_two.choose_views(views=4, step=0), second_of_two.choose_views(views=4, step=1)
            ([1, 3], [0, 2])
        """
        number, count = self.turn
        return list(range((number - step) % count, views, count))


def group_by_judge(objectives: Sequence[NamedObjective]) -> list[ObjectiveGroup]:
    """Group objectives by judge and regions, so that every view goes through a judge once.

    Members of a group share five things: the module of their judges; what it answers with, either the output of the
    model, by all or by a share of its features, or the activations of its layers, whose scores are of different scale;
    whether they compare images, since such scores are of another scale again, and their views come in another order;
    the region masks; and their turn, if they are parts that share out views. Masks are the same only if they are the
    very same tensors, in the same order; equal copies make two groups. An objective without a judge is a group of its
    own.

    Args:
        objectives: the objectives and their names.

    Returns:
        Groups in the order of their first members, those without a judge last.
    """
    groups: dict[tuple[object, ...], tuple[Turn, list[NamedObjective]]] = {}
    for name, objective in objectives:
        parts = objective.parts
        for number, part in enumerate(parts):
            turn = (number, len(parts))
            source = id(part if part.judge is None else part.judge.module)
            key = (source, part.judge and part.judge.answer_key, turn, part.compares_images, *map(id, part.regions))
            groups.setdefault(key, (turn, []))[1].append((name, part))
    made = [_make_group(turn, members) for turn, members in groups.values()]
    return sorted(made, key=lambda group: group.judge is None)


def _make_group(turn: Turn, members: list[NamedObjective]) -> ObjectiveGroup:
    """Return the group of some objectives, with one judge that captures all the layers they need."""
    judges = [objective.judge for _, objective in members if objective.judge is not None]
    return ObjectiveGroup(merge_judges(judges) if judges else None, members[0][1].regions, members, turn)


def balance_gradients(
    gradients: Sequence[Tensor], weights: Sequence[float], move: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the sum of the gradients of several groups, each scaled so that it counts by its weight.

    The first group keeps its size. Every other group is scaled so that the size of its move, divided by its weight,
    equals that of the first, for every image by itself. The move of a gradient is K times it, and not the gradient: one
    that is all fine grain, of which the stack lets little through, would hardly count otherwise. (K times a gradient is
    what `SGD` moves the canvas by, and stands for the move of the other optimizers.) A gradient that moves nothing is
    left out. A single gradient is returned as it is.

    Args:
        gradients: the gradient (B, 3, H, W) of every group at the canvas.
        weights: for every group the sum of the absolute weights of its objectives.
        move: returns K times a gradient, (B, 3, H, W).

    Returns:
        The sum (B, 3, H, W).

    Example:
        >>> import torch
        >>> first, second = torch.full((2, 1, 3, 2, 2), 1.0)
        >>> total = balance_gradients([first, 1000 * second], [1.0, 0.5], move=lambda gradient: gradient)
        >>> total[0, :, 0, 0]
        tensor([1.5000, 1.5000, 1.5000])
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
        # A gradient that changes nothing cannot be scaled: this would divide by 0.
        total = total + gradient * torch.where(size == 0, 0.0, scale / size)
    return total
