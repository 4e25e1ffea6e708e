"""The objective that makes views like the photographs that a model was trained on, as its batch norms know them."""

from dataclasses import dataclass

from torch import Tensor

from ..models.judge import Judge
from ..models.photograph_statistics import Watched, watch
from .term import Objective, make_objective


def natural_objective(model: Judge, weight: float = 0.1) -> Objective:
    """Return the objective that gives pictures the light, the colours and the anatomy of photographs.

    The score of a view is minus the distance between its statistics, in every layer with a batch norm, and those of the
    photographs of the training (DeepInversion, Yin et al., CVPR 2020, section 3.2). It is measured in the run of the
    model for the other objectives of the same model, so it takes hardly any time beside one of them.

    Args:
        model: a judge with batch norms, the one that is asked for the subject.
        weight: how strong its effect is at the first step beside an objective of weight 1. It stays the same when the
            other is fulfilled, and then leads. 0.1 is enough: more brings things that nobody asked for.

    Example:
        >>> from das_core import class_objective, load_starter, natural_objective
        >>> starter = load_starter()
        >>> wished = class_objective(starter, "jellyfish") + natural_objective(starter, 0.1)
        >>> [term.name for term in wished.terms]
        ['jellyfish', 'photographs']
    """
    return make_objective("photographs", [(watch(member), NaturalScore()) for member in model.members], weight)


@dataclass(frozen=True)
class NaturalScore:
    """Minus the distance between the statistics of a view and those of photographs."""

    def __call__(self, output: Watched, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), at most 0."""
        return -output.distances
