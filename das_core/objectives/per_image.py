"""The objective that asks another thing of every image of a batch."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.devices import send_to_device
from ..common.text import truncate
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from ..models.layers.activations import Activations, merge_judges
from .base import BaseObjective, Objective

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class PerImageObjective(BaseObjective):
    """Several objectives, one for each image of a batch: eight channels in one ascent of eight images.

    Args:
        objectives: the objectives, at least one, of one model and asked in one way: all of its output, or all of its
            layers. With more images than objectives these begin again. Their own weights must be equal and do not
            count.
        weight: how much the objective counts, see `Objective.weight`.

    Raises:
        ValueError: when there is none, they have different models or weights, or one has no model, or has regions or
            reference images.

    Example:
        >>> from das_core import Ascent, ClassObjective, ImageStack, PerImageObjective, StackSpec, load_starter
        >>> model = load_starter()
        >>> both = PerImageObjective(tuple(ClassObjective(model, name) for name in ("jellyfish", "goldfish")))
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16), batch=2)
        >>> result = Ascent(stack, both, steps=2).run()
        >>> both.name, len(result.image)
        ('jellyfish | goldfish', 2)
    """

    objectives: tuple[Objective, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("no objective is given; give one for each image")
        check_weight(self.weight, "the objective")
        ways = {(id(one.judge and one.judge.module), type(one.judge)) for one in self.objectives}
        if len(ways) > 1 or any(one.judge is None for one in self.objectives):
            raise ValueError(f"the objectives of '{self.name}' must ask one model, all its output or all its layers")
        if len({one.weight for one in self.objectives}) > 1:
            raise ValueError(f"the objectives of '{self.name}' have different weights; give all the same, such as 1")
        if any(one.regions or one.reference_images for one in self.objectives):
            raise ValueError(
                f"one of the objectives of '{self.name}' has a region or an image to compare with, which are for all "
                "images; leave it out"
            )

    @property
    def judge(self) -> Judge:
        """The judge of all objectives, which captures the layers of all of them."""
        return merge_judges([one.judge for one in self.objectives if one.judge is not None])

    @property
    def name(self) -> str:
        """The names of the objectives, in the order of the images."""
        return truncate(" | ".join(one.name for one in self.objectives), _MAX_NAME_LENGTH)

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The objective for every part of the objectives, such as the members of an ensemble."""
        members = tuple(zip(*(one.parts for one in self.objectives), strict=True))
        return tuple(replace(self, objectives=each, weight=self.weight / len(members)) for each in members)

    def score(self, output: Any) -> Tensor:
        """Return the scores of views of the first image."""
        return self.objectives[0].score(output)

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view under the objective of its image; see `Objective.score_views`."""
        chosen = tuple((images % len(self.objectives)).tolist())
        answers = next(iter(output.values.values())) if isinstance(output, Activations) else output
        shares, order = _sort_views(chosen, answers.device)
        scores = torch.cat([self.objectives[number].score(_select(output, views)) for number, views in shares])
        return scores[order]


# All steps of an ascent ask for the same, once for every chunk.
@cached(maxsize=64)
def _sort_views(chosen: tuple[int, ...], device: torch.device) -> tuple[tuple[tuple[int, Tensor], ...], Tensor]:
    """Return which views each objective sees, and the order that brings their scores back to that of the views.

    Args:
        chosen: for every view the number of its objective.
        device: where the answers to the views are.

    Returns:
        Pairs of the number of an objective and the numbers of its views, int64; and the order (V,), int64.
    """
    shares = {number: [view for view, own in enumerate(chosen) if own == number] for number in sorted(set(chosen))}
    order = torch.tensor([view for views in shares.values() for view in views]).argsort()
    numbers = tuple((number, send_to_device(torch.tensor(views), device)) for number, views in shares.items())
    return numbers, send_to_device(order, device)


def _select(output: Any, views: Tensor) -> Any:
    """Return the answers to some of the views; `views`, int64, holds their numbers."""
    if isinstance(output, Activations):
        return Activations({name: values[views] for name, values in output.values.items()})
    return output[views]
