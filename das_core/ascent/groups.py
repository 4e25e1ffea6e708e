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
    """A term, the name of its part of the objective, and its weight's factor for each image that views can show (None:
    all 1)."""

    name: str
    term: Term
    factors: tuple[float, ...] | None = None

    def find_factors(self, images: Sequence[int]) -> tuple[float, ...] | None:
        """Return the factor for each of some views, given the numbers of their images; None if all are 1."""
        return None if self.factors is None else tuple(self.factors[image] for image in images)


@dataclass(frozen=True, eq=False)
class TermGroup:
    """Terms that share their views, because one run of a judge answers them all (`plan.make_plan`).

    Regions, shares and `compares_images` are the same for all members. `images` counts the images that views can show;
    `is_series` says whether they are frames of a film or moments of a zoom.
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
        """The numbers of the images for which a term has a factor other than 0; all images if there is none."""
        known = [member.factors for member in self.members]
        images = range(self.images)
        return [image for image in images if any(each is None or each[image] for each in known)] or list(images)

    def choose_views(self, views: int, step: int) -> list[int]:
        """Return which of the views of a step the group sees: with the share (k, n), every n-th one, from another one
        each step."""
        number, count = self.members[0].term.share
        return list(range((number - step) % count, views, count))

    def weigh(self, progress: float, device: torch.device) -> float | Tensor:
        """Return the sum of the absolute weights of the terms at a step: one number, or one for each image, (B, 1, 1,
        1).

        For a film or a zoom it is the root mean square over the images, because their gradients are balanced together.
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
    """Return the sum of the gradients (B, 3, H, W) of several groups, scaled so that their moves are as their weights.

    The move of a gradient is the change of the canvas that `move` computes from it. Norms of moves are compared, not of
    gradients, because K weakens fine detail. In each image (in all together with `as_one`), the first gradient with a
    weight and a move keeps its size; those without are left out.
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
