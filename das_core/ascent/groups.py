"""Groups of terms that share their views, and the balancing of the gradients of several groups."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.devices import make_constant
from ..models.judge import Judge
from ..objectives.term import Term


@dataclass(frozen=True, eq=False)
class Member:
    """A term of an ascent.

    Args:
        name: the name of its part of the objective, which no other part of the ascent has.
        term: the term.
        factors: the factor of its weight for each image that views can show; None if all are 1.
    """

    name: str
    term: Term
    factors: tuple[float, ...] | None = None

    def find_factors(self, images: Sequence[int]) -> tuple[float, ...] | None:
        """Return the factor for each of some views, given the numbers of their images; None if all are 1."""
        return None if self.factors is None else tuple(self.factors[image] for image in images)


@dataclass(frozen=True, eq=False)
class TermGroup:
    """Terms that share their views, because one run of a judge answers them all (`plan.make_plan`).

    Args:
        judge: the judge of the terms. If the terms score activations, the judge returns the activations of all layers
            that they need. None for a term that scores the pixels of the canvas.
        members: the terms. If the terms of a part divide its views (`Term.share`), they are in different groups, under
            the same name. Regions, shares and `compares_images` are the same for all members.
        images: how many images views can show.
        is_series: whether the images are the frames of a film or the moments of a zoom.

    Raises:
        ValueError: when the group compares all images, but does not act on all of them.
    """

    judge: Judge | None
    members: tuple[Member, ...]
    images: int = 1
    is_series: bool = False

    def __post_init__(self) -> None:
        if self.compares_images and len(self.shown) < self.images:
            raise ValueError(f"'{self.members[0].name}' compares all images, so it has to count for all of them")

    @property
    def regions(self) -> tuple[Tensor, ...]:
        """The region masks, (B or 1, h, w), 0..1."""
        return self.members[0].term.regions

    @property
    def compares_images(self) -> bool:
        """Whether the terms compare the images of a batch, see `Term.compares_images`."""
        return self.members[0].term.compares_images

    @property
    def shown(self) -> list[int]:
        """The numbers, from 0, of the images on which the group acts: a term has a factor other than 0 there.

        If there is no such image, all images: the group is evaluated all the same, so that its terms have scores.
        """
        known = [member.factors for member in self.members]
        images = range(self.images)
        return [image for image in images if any(each is None or each[image] for each in known)] or list(images)

    def choose_views(self, views: int, step: int) -> list[int]:
        """Return the numbers of the views of a step that the group sees.

        With the share (k, n), n groups divide the views among them. At step 0 the group sees the views k, k + n, k + 2n
        and so on. At every further step the first of these numbers falls by 1 (modulo n). So each group sees at least
        one view in n steps, even if a step has fewer views than n.

        Args:
            views: how many views of an image the step has.
            step: the number of the step, from 0.

        Example:
            >>> from das_core.ascent.groups import Member, TermGroup
            >>> from das_core.objectives import Term
            >>> term = Term("castle", lambda output, images: output, share=(1, 2))
            >>> second_of_two = TermGroup(judge=None, members=(Member("castle", term),))
            >>> second_of_two.choose_views(5, step=0), second_of_two.choose_views(5, step=1)
            ([1, 3], [0, 2, 4])
        """
        number, count = self.members[0].term.share
        return list(range((number - step) % count, views, count))

    def weigh(self, progress: float, device: torch.device) -> float | Tensor:
        """Return the weight of the group at a step: the sum of the absolute weights of its terms.

        Args:
            progress: the share of the ascent that is over, 0..1.
            device: where a tensor is returned.

        Returns:
            One number for each image, (B, 1, 1, 1); a single number if all factors of the terms are 1. For a film or a
            zoom, whose gradients are balanced by norms over all images, it is a single number, too: the root mean
            square of the weights of the images.
        """
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
