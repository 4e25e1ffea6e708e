"""An objective that asks for something different in every image of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.devices import send_to_device
from ..models.layers.activations import Activations, merge_judges
from .objective import Objective, Question, list_objectives
from .term import Score, Term, Track, join_names


def one_per_image(objectives: Sequence[Objective]) -> Objective:
    """Return several objectives as one, each for another image of a batch, such as eight channels for eight images.

    Args:
        objectives: at least one; all ask one model, either all its output or all its layers, each with a weight of its
            own. If there are more images than objectives, the list is repeated.

    Example:
        >>> import direct_ascent as da
        >>> pair = da.one_per_image([da.channel("blocks.3", 5), -da.channel("blocks.3", 5)]).on(da.load_starter())
        >>> pair.name, pair.terms[0].tracks[0].points
        ('blocks.3 channel 5', ((0, 1.0), (1, -1.0)))
    """
    if not (objectives := list_objectives(objectives)):
        raise ValueError("no objective is given; give one for each image")
    name = join_names([objective.name for objective in objectives], " | ")
    if any(isinstance(term, Question) for one in objectives for term in one.terms):
        asked = Question(
            name,
            lambda judge: one_per_image([one.on(judge) for one in objectives]),
            asked=("one_per_image", {"objectives": objectives}),
        )
        return Objective((asked,))
    _check(name, objectives)
    names = tuple(objective.name for objective in objectives)
    terms = []
    for each in zip(*(objective.list_terms() for objective in objectives), strict=True):
        score = PerImageScore(tuple(term.score for term in each), names)
        judge = merge_judges([term.judge for term in each if term.judge is not None])
        first, *others = weights = [term.weight for term in each]
        one = Term(name, score, judge, first, share=each[0].share, images=len(each))
        if any(other != first for other in others):
            one = replace(one, weight=1.0, tracks=(Track(tuple(enumerate(weights)), repeats=True),))
        terms.append(one)
    return Objective(tuple(terms))


def _check(name: str, objectives: Sequence[Objective]) -> None:
    terms = [term for objective in objectives for term in objective.list_terms()]
    ways = {
        tuple((id(term.judge.module), term.judge.answer_key) for term in one.list_terms() if term.judge)
        for one in objectives
    }
    if len(ways) > 1 or any(term.judge is None for term in terms):
        raise ValueError(f"the objectives of '{name}' must ask one model, all its output or all its layers")
    refused = {
        "has a region or an image to compare with, which are for all images; leave it out": (
            lambda term: term.regions or term.references
        ),
        "compares all images; give it to the ascent beside the others": lambda term: term.compares_images,
        "is scheduled, which would be lost; schedule the whole instead": lambda term: term.fades or term.tracks,
    }
    for reason, applies in refused.items():
        if any(map(applies, terms)):
            raise ValueError(f"one of the objectives of '{name}' {reason}")


@dataclass(frozen=True)
class PerImageScore:
    """The scores of views, each under the score of its image: image i belongs to score i modulo their number."""

    scores: tuple[Score, ...]
    names: tuple[str, ...]

    def __call__(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view, (V,)."""
        chosen = tuple((images % len(self.scores)).tolist())
        answers = next(iter(output.values.values())) if isinstance(output, Activations) else output
        shares, order = _sort_views(chosen, answers.device)
        scores = [self.scores[number](_select(output, there), images[views]) for number, views, there in shares]
        return torch.cat(scores)[order]


# Cached, because most ascents call this with the same arguments in every step, once for each chunk of views.
@cached(maxsize=64)
def _sort_views(chosen: tuple[int, ...], device: torch.device) -> tuple[tuple[tuple[int, Tensor, Tensor], ...], Tensor]:
    """Return which views each score gets, and the indices that put the scores into the order of the views."""
    shares = {number: [view for view, own in enumerate(chosen) if own == number] for number in sorted(set(chosen))}
    order = torch.tensor([view for views in shares.values() for view in views]).argsort()
    on_cpu = {number: torch.tensor(views) for number, views in shares.items()}
    numbers = tuple((number, views, send_to_device(views, device)) for number, views in on_cpu.items())
    return numbers, send_to_device(order, device)


def _select(output: Any, views: Tensor) -> Any:
    """Return the part of a model's output that belongs to some views; `views` has their indices, int64."""
    if isinstance(output, Activations):
        return Activations({name: values[views] for name, values in output.values.items()})
    return output[views]
