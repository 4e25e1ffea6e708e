"""Converts the objective of a zoom to one that scores its depths alone, without the moments between them."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..objectives.term import Objective, Score
from ..stack.zoom import Zoom


def convert_to_depths(objective: Objective, zoom: Zoom) -> Objective:
    """Return the objective of a zoom as an objective of its depths, which are separate images.

    In an ascent, the images of a zoom are its moments (`Zoom.moments`). A term may have a reference image for each
    moment, or score each moment differently. A returned term scores a depth as the given term scores the moment at
    which this depth fills the picture. It has no tracks, whose factors count only in the ascent.

    Args:
        objective: the objective for the moments of the zoom.
        zoom: the zoom; it determines which of the moments are depths.

    Example:
        >>> import torch
        >>> from das_core import Zoom, content_objective, load_starter
        >>> from das_core.facade.depths import convert_to_depths
        >>> zoom = Zoom(depths=2)
        >>> kept = content_objective(load_starter(), torch.rand(len(zoom.moments), 3, 64, 64))
        >>> [len(images) for images in convert_to_depths(kept, zoom).terms[0].references]
        [2]
    """
    # Depth d fills the picture at the moment `Zoom.moments[d * stride]`.
    stride = zoom.between + 1
    return Objective(
        tuple(
            replace(
                term,
                score=_AtDepths(term.score, stride),
                references=tuple(images[::stride] for images in term.references),
                tracks=(),
            )
            for term in objective.terms
        )
    )


@dataclass(frozen=True)
class _AtDepths:
    """A score that is given the number of the moment at which a depth fills the picture, in place of the depth's."""

    score: Score
    stride: int

    def __call__(self, output: Any, images: Tensor) -> Tensor:
        return self.score(output, images * self.stride)
