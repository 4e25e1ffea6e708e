"""The weights of terms, which may differ between the images of a batch, the frames of a film or the moments of a
zoom."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.devices import make_constant
from ..common.timeline import Timeline
from ..objectives.base import Term
from .groups import TermGroup


class ImageWeights:
    """The weight factors of each term for the images that views can show.

    Args:
        groups: the terms, in groups that share their views.
        timeline: the positions of the images that views can show.
        film: True if the stack is a film or a zoom, False if it is a batch of pictures.
        device: the device of the ascent, on which `weigh_group` returns its tensors.

    Attributes:
        images: how many images views can show.
        shown: for each group the numbers, from 0, of the images for which at least one of its terms has a factor other
            than 0; the numbers of all images if there is no such image.

    Raises:
        ValueError: when a term is made for another number of images, or when a group compares images and the factors of
            all its terms are 0 for some of these images.
    """

    def __init__(self, groups: Sequence[TermGroup], timeline: Timeline, *, film: bool, device: torch.device) -> None:
        self._groups, self._film, self._device = groups, film, device
        self.images = len(timeline.moments)
        self._factors = {id(term): term.image_weights(timeline) for group in groups for _, term in group.members}
        self.shown = [self._list_shown(group) for group in groups]

    def find_factors(self, term: Term, images: Sequence[int]) -> tuple[float, ...] | None:
        """Return the weight factor of a term for each of some views; None if the term has no factors (all are 1).

        Args:
            term: a term of one of the groups.
            images: for each view the number of the image that it shows.
        """
        known = self._factors[id(term)]
        return None if known is None else tuple(known[image] for image in images)

    def weigh_group(self, number: int, progress: float) -> float | Tensor:
        """Return the weight of a group at a step: the sum of the absolute weights of its terms.

        Args:
            number: which group, from 0.
            progress: the share of the ascent that is over, 0..1.

        Returns:
            One number for each image, (B, 1, 1, 1); a single number if all factors of the terms are 1. For a film or a
            zoom, whose gradients are balanced by norms over all images, it is a single number, too: the root mean
            square of the weights of the images.
        """
        members = self._groups[number].members
        known = [(abs(term.weight_at(progress)), self._factors[id(term)]) for _, term in members]
        if all(factors is None for _, factors in known):
            return sum(weight for weight, _ in known)
        each = [
            sum(weight * (1.0 if factors is None else abs(factors[image])) for weight, factors in known)
            for image in range(self.images)
        ]
        if self._film:
            return math.sqrt(sum(weight**2 for weight in each) / self.images)
        return make_constant(tuple(each), torch.float32, self._device)[:, None, None, None]

    def _list_shown(self, group: TermGroup) -> list[int]:
        """Return the numbers of the images on which a group acts, from 0; of all images if it acts on none.

        A group acts on an image if at least one of its terms has a factor other than 0 for this image.

        Raises:
            ValueError: when the group compares all images, but does not act on all of them.
        """
        known = [self._factors[id(term)] for _, term in group.members]
        images = range(self.images)
        shown = [image for image in images if any(factors is None or factors[image] for factors in known)]
        if group.compares_images and len(shown) < len(images):
            raise ValueError(f"'{group.members[0][0]}' compares all images, so it has to count for all of them")
        # A group whose factors are all 0 is evaluated all the same, so that its objectives have scores.
        return shown or list(images)
