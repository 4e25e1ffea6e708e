"""Converts the objective of a zoom to one that scores its depths alone, without the moments between them."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..objectives.term import Objective, Score
from ..stack.zoom import BETWEEN, Zoom


def convert_to_depths(objective: Objective, zoom: Zoom) -> Objective:
    """Return the objective of the moments of a zoom as one of its depths, with their reference images and without
    tracks."""
    # Depth d fills the picture at the moment `Zoom.moments[d * stride]`.
    stride = BETWEEN + 1
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
