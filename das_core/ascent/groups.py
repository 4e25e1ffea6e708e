"""Groups of terms that share their views, and the balancing of the gradients of several groups."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.judge import Judge
from ..models.layers.activations import merge_judges
from ..objectives.base import Objective, Term, split_objective

NamedObjective = tuple[str, Objective]
"""A name that no other objective of the ascent has, and the objective."""


NamedTerm = tuple[str, Term]
"""The name of an objective in its ascent, and one term of this objective."""

Turn = tuple[int, int]
"""The number of a term among the terms of its objective, and how many terms there are. The terms divide the views among
them. (0, 1) stands for the only term of an objective, which sees all views."""


def name_objectives(objectives: Sequence[Objective]) -> list[NamedObjective]:
    """Return objectives with their names, which are changed where necessary so that no two names are the same.

    Args:
        objectives: in the order of the ascent. A joint objective is split into its parts (`split_objective`).

    Returns:
        Pairs of a name and an objective, in the same order. A second objective named 'cat' gets the name 'cat (2)'.
    """
    named: dict[str, Objective] = {}
    for objective in (part for one in objectives for part in split_objective(one)):
        candidates = (f"{objective.name} ({number})" for number in itertools.count(2))
        free = next(name for name in itertools.chain([objective.name], candidates) if name not in named)
        named[free] = objective
    return list(named.items())


@dataclass(frozen=True, eq=False)
class TermGroup:
    """Terms that share their views; `group_by_judge` says what the terms of a group have in common.

    Args:
        judge: the judge of the terms. If the terms score activations, the judge returns the activations of all layers
            that they need. None for a term that scores the pixels of the canvas.
        regions: the region masks, the same for every term, (B or 1, h, w), 0..1.
        members: the terms, each with the name of its objective. If an objective has several terms (`Objective.terms`),
            they are in different groups, under the same name.
        turn: which of the views of a step the group sees, see `choose_views`.
    """

    judge: Judge | None
    regions: tuple[Tensor, ...]
    members: list[NamedTerm]
    turn: Turn = (0, 1)

    @property
    def compares_images(self) -> bool:
        """Whether one of the members compares the images of a batch, see `Term.compares_images`."""
        return any(term.compares_images for _, term in self.members)

    def choose_views(self, views: int, step: int) -> list[int]:
        """Return the numbers of the views of a step that the group sees.

        With `turn` (k, n), each objective of the group has n terms that divide the views among them, and the group
        holds term k (from 0) of each objective. At step 0 the group sees the views k, k + n, k + 2n and so on. At every
        further step the first of these numbers falls by 1 (modulo n). So each group sees at least one view in n steps,
        even if a step has fewer views than n.

        Args:
            views: how many views of an image the step has.
            step: the number of the step, from 0.

        Example:
            >>> from das_core.ascent.groups import TermGroup
            >>> second_of_two = TermGroup(judge=None, regions=(), members=[], turn=(1, 2))
            >>> second_of_two.choose_views(views=4, step=0), second_of_two.choose_views(views=4, step=1)
            ([1, 3], [0, 2])
        """
        number, count = self.turn
        return list(range((number - step) % count, views, count))


def group_by_judge(objectives: Sequence[NamedObjective]) -> list[TermGroup]:
    """Group terms by judge and regions, so that the terms of a group share the answers of the judge to the same views.

    Members of a group share five things:

    - the module of their judges;
    - the kind of answer (`Judge.answer_key`): the output of the model, its output from a part of its features
      (`PartialClassifier`), or the activations of its layers. Scores of different kinds have different scales;
    - whether they compare images. Scores that compare images have yet another scale, and their views come in another
      order;
    - the region masks. Two terms have the same masks only if these are the same tensor objects in the same order: equal
      copies make two groups;
    - their `Turn` (which of the terms of its objective a term is, and how many there are). So terms that divide the
      views of one objective are in different groups.

    A term without a judge is a group of its own.

    Args:
        objectives: the objectives and their names.

    Returns:
        Groups in the order of their first members. Groups without a judge come last.
    """
    groups: dict[tuple[object, ...], tuple[Turn, list[NamedTerm]]] = {}
    for name, objective in objectives:
        terms = objective.terms()
        for number, term in enumerate(terms):
            turn = (number, len(terms))
            source = id(term if term.judge is None else term.judge.module)
            key = (source, term.judge and term.judge.answer_key, turn, term.compares_images, *map(id, term.regions))
            groups.setdefault(key, (turn, []))[1].append((name, term))
    made = [_make_group(turn, members) for turn, members in groups.values()]
    return sorted(made, key=lambda group: group.judge is None)


def _make_group(turn: Turn, members: list[NamedTerm]) -> TermGroup:
    """Return a group of terms, with their judges merged into one (`merge_judges`).

    `turn` has the number of each term among the terms of its objective, from 0, and how many terms this objective has.
    Both are the same for all members.
    """
    judges = [term.judge for _, term in members if term.judge is not None]
    return TermGroup(merge_judges(judges) if judges else None, members[0][1].regions, members, turn)


def balance_gradients(
    gradients: Sequence[Tensor],
    weights: Sequence[float | Tensor],
    move: Callable[[Tensor], Tensor],
    *,
    as_one: bool = False,
) -> Tensor:
    """Return the sum of the gradients of several groups, each scaled so that its move is in proportion to its weight.

    The move of a gradient is the change of the canvas that `move` computes from it. In an ascent, `move` multiplies the
    gradient by K, with the low-pass and the tilt of the present step, and by the mask of the stack; it does so for
    every optimizer. The norms of the moves are compared, not those of the gradients, because K weakens fine detail: a
    large gradient of mostly fine detail moves the canvas little.

    For each image, the first gradient that has a weight and a move other than 0 keeps its size. Every other gradient is
    multiplied by a number. The norm of its move, divided by its weight, then equals the norm of the first move, divided
    by the first weight. Gradients whose weight or move is 0 are left out. A single gradient is returned unchanged.

    Args:
        gradients: the gradient (B, 3, H, W) of every group at the canvas.
        weights: for every group the sum of the absolute weights of its objectives: one number for all images, or one
            for each image, (B, 1, 1, 1).
        move: a function that takes a gradient and returns its move, (B, 3, H, W).
        as_one: whether norms are taken over all images together, so that all images of a gradient are multiplied by the
            same number, as for the frames of a film. Otherwise norms are taken for each image.

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
    dims = (0, 1, 2, 3) if as_one else (1, 2, 3)
    for gradient, weight in zip(gradients, weights, strict=True):
        size = move(gradient).square().sum(dim=dims, keepdim=True).sqrt()
        if isinstance(weight, Tensor):
            sizes.append(torch.where(weight > 0, size / weight, 0.0))
        else:
            sizes.append(size / weight if weight else torch.zeros_like(size))
    scale = torch.zeros_like(sizes[0])
    for size in sizes:
        scale = torch.where(scale == 0, size, scale)
    total = torch.zeros_like(gradients[0])
    for gradient, size in zip(gradients, sizes, strict=True):
        # A gradient whose move is 0 cannot be scaled: this would divide by 0.
        total = total + gradient * torch.where(size == 0, 0.0, scale / size)
    return total
