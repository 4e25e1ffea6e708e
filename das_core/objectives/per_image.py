"""An objective that asks for something different in every image of a batch."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.devices import send_to_device
from ..common.text import truncate
from ..common.timeline import Timeline
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from ..models.layers.activations import Activations, merge_judges
from .base import BaseObjective, Objective, Term, format_score

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class PerImageObjective:
    """Several objectives, one for each image of a batch, such as eight channels for eight images in one ascent.

    Args:
        objectives: the objectives, at least one. All must use the same model, and either all of them its output, or all
            of them activations of its layers. If there are more images than objectives, the list is repeated; if there
            are fewer, the last objectives are not used. The weights of these objectives must be equal, and are ignored:
            `weight` replaces them.
        weight: the weight of this objective, see `Objective.weight`.

    Raises:
        ValueError: when there is no objective; the objectives have different models or weights; some of them use the
            output of the model and others activations of its layers; one of them has no model, has regions or reference
            images, compares the images of a batch, or is scheduled; or `weight` is not finite or too large.

    Example:
        >>> from das_core import Ascent, ClassObjective, ImageStack, PerImageObjective, StackSpec, load_starter
        >>> model = load_starter()
        >>> both = PerImageObjective(tuple(ClassObjective(model, name) for name in ("jellyfish", "goldfish")))
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16), batch=2)
        >>> result = Ascent(stack, both, steps=1).run()
        >>> both.name, len(result.image)
        ('jellyfish | goldfish', 2)
    """

    objectives: tuple[Objective, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("no objective is given; give one for each image")
        check_weight(self.weight, "the objective")
        terms = [one.terms() for one in self.objectives]
        every = [term for several in terms for term in several]
        ways = {
            tuple((id(term.judge.module), term.judge.answer_key) for term in several if term.judge) for several in terms
        }
        if len(ways) > 1 or any(term.judge is None for term in every):
            raise ValueError(f"the objectives of '{self.name}' must ask one model, all its output or all its layers")
        if len({one.weight for one in self.objectives}) > 1:
            raise ValueError(f"the objectives of '{self.name}' have different weights; give all the same, such as 1")
        if any(term.regions or term.reference_images for term in every):
            raise ValueError(
                f"one of the objectives of '{self.name}' has a region or an image to compare with, which are for all "
                "images; leave it out"
            )
        if any(term.compares_images for term in every):
            raise ValueError(
                f"one of the objectives of '{self.name}' compares all images; give it to the ascent beside the others"
            )
        if any(term.weight_at(progress) != term.weight_at(0.0) for term in every for progress in (0.5, 1.0)):
            raise ValueError(
                f"one of the objectives of '{self.name}' is scheduled, which would be lost; schedule the whole instead"
            )

    @property
    def name(self) -> str:
        """The names of the objectives, in the order of the images; an ellipsis ends a long list."""
        return truncate(" | ".join(one.name for one in self.objectives), _MAX_NAME_LENGTH)

    def terms(self) -> tuple["PerImageTerm", ...]:
        """Return a term for each model that the objectives ask: one, or several if their judge is an ensemble."""
        members = tuple(zip(*(one.terms() for one in self.objectives), strict=True))
        return tuple(PerImageTerm(each, self.weight / len(members)) for each in members)

    def describe_score(self, score: float) -> str:
        """Return a score, which is a mean over all images, as text, see `format_score`."""
        return format_score(score)


@dataclass(frozen=True)
class PerImageTerm(BaseObjective):
    """A term that holds one term of each of several objectives; each of these scores only the views of its own images.

    Args:
        asked: n terms that use the same model, in the order of the images; image i belongs to term i modulo n.
        weight: the weight of this term, which replaces the weights of the terms in `asked`.
    """

    asked: tuple[Term, ...]
    weight: float
    name: str = "per image"

    @property
    def judge(self) -> Judge:
        """The judge that all terms share; if they score activations, it captures the layers of all of them."""
        return merge_judges([term.judge for term in self.asked if term.judge is not None])

    def image_weights(self, timeline: Timeline) -> tuple[float, ...] | None:
        """Return, for each image, the factor that multiplies the weight; None if all factors are 1.

        The factor of an image is the one that its own term in `asked` gives it, see `Term.image_weights`. `timeline`
        has the positions of the images.
        """
        known = [term.image_weights(timeline) for term in self.asked]
        if all(factors is None for factors in known):
            return None
        own = [known[image % len(known)] for image in range(len(timeline.moments))]
        return tuple(1.0 if factors is None else factors[image] for image, factors in enumerate(own))

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view under the term of its image; see `Term.score_views`."""
        chosen = tuple((images % len(self.asked)).tolist())
        answers = next(iter(output.values.values())) if isinstance(output, Activations) else output
        shares, order = _sort_views(chosen, answers.device)
        scores = [
            self.asked[number].score_views(_select(output, on_device), images[views])
            for number, views, on_device in shares
        ]
        return torch.cat(scores)[order]


# Cached, because most ascents call this with the same arguments in every step, once for each chunk of views.
@cached(maxsize=64)
def _sort_views(chosen: tuple[int, ...], device: torch.device) -> tuple[tuple[tuple[int, Tensor, Tensor], ...], Tensor]:
    """Return which views each term scores, and the indices that put the scores into the order of the views.

    Args:
        chosen: for each of V views the index of its term.
        device: the device of the output of the model.

    Returns:
        A tuple with an entry for every term that has views, and the indices `order`. An entry has the index of the
        term, and the indices of its views twice, int64: on the CPU, to index the numbers of the images, which are
        there; and on the device, to index the output of the model. `order`, (V,), int64, is on the device: if `scores`
        are the scores of all terms, concatenated term by term, `scores[order]` are the scores in the order of the
        views.
    """
    shares = {number: [view for view, own in enumerate(chosen) if own == number] for number in sorted(set(chosen))}
    order = torch.tensor([view for views in shares.values() for view in views]).argsort()
    on_cpu = {number: torch.tensor(views) for number, views in shares.items()}
    numbers = tuple((number, views, send_to_device(views, device)) for number, views in on_cpu.items())
    return numbers, send_to_device(order, device)


def _select(output: Any, views: Tensor) -> Any:
    """Return the part of a model's output that belongs to some views; `views` has their indices, int64.

    `Activations.references`, the activations of reference images, are left out: no term here has reference images.
    """
    if isinstance(output, Activations):
        return Activations({name: values[views] for name, values in output.values.items()})
    return output[views]
