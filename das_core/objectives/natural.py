"""The objective that makes views like the photographs that a model was trained on, as its batch norms know them."""

from pathlib import Path

from ..models.judge import Judge
from ..models.photograph_statistics import watch
from ..models.photographs import Photographs, measure_photographs
from .term import Objective, make_objective


def natural_objective(
    model: Judge, weight: float = 0.3, photographs: Photographs | None = None, keep: Path | None = None
) -> Objective:
    """Return the objective that gives pictures the light, the colours and the anatomy of photographs.

    The score of a view is minus the distance between its statistics, in the early layers with a batch norm, and those
    of the photographs of the training (after DeepInversion, Yin et al., CVPR 2020, section 3.2). It is measured in the
    run of the model for the other objectives of the same model, so it takes hardly any time beside one of them.

    Beside them it begins after a tenth of the steps, and a view of whose class the model is sure is left as it is.

    Args:
        model: the judge that is asked for the subject; without `photographs` it has batch norms.
        weight: how strong its effect is, when it begins, beside that of an objective of weight 1. With 0.3 the subject
            keeps its shape and gets light, colours and a ground; 1 brings things that nobody asked for.
        photographs: what pictures shall be like in place of the photographs of the training, as in VITAL (Gorgun et
            al., 2025, arXiv 2503.22399): at least four images, or the path of a folder of them.
        keep: a folder for what was measured of `photographs`, so that it is measured once; None for no file.

    Example:
        >>> from das_core import class_objective, load_starter, natural_objective
        >>> starter = load_starter()
        >>> wished = class_objective(starter, "jellyfish") + natural_objective(starter, 0.3)
        >>> [term.name for term in wished.terms]
        ['jellyfish', 'photographs']
    """
    watching = [
        watch(member, () if photographs is None else measure_photographs(member, photographs, keep))
        for member in model.members
    ]
    return make_objective("photographs", [(judge, lambda output, _: -output.distances) for judge in watching], weight)
