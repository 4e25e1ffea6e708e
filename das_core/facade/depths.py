"""Converts objectives of a zoom to objectives that score its depths alone, without the moments between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..objectives.base import Objective
from ..objectives.wrapped import WrappedObjective, WrappedTerm
from ..stack.zoom import Zoom


def convert_to_depths(objectives: Sequence[Objective], zoom: Zoom) -> list[Objective]:
    """Return objectives of a zoom as objectives of its depths, which are separate images.

    In an ascent, the images of a zoom are its moments (`Zoom.moments`). An objective may have a reference image for
    each moment, or score each moment differently. A returned objective scores a depth as the given objective scores the
    moment at which this depth fills the picture.

    Args:
        objectives: objectives for the moments of the zoom.
        zoom: the zoom; it determines which of the moments are depths.

    Example:
        >>> import torch
        >>> from das_core import ContentObjective, Zoom, load_starter
        >>> from das_core.facade.depths import convert_to_depths
        >>> zoom = Zoom(depths=2)
        >>> kept = ContentObjective.from_images(load_starter(), torch.rand(len(zoom.moments), 3, 64, 64))
        >>> (picked,) = convert_to_depths([kept], zoom)
        >>> [len(kept.image), *(len(images) for images in picked.terms()[0].reference_images)]
        [5, 2]
    """
    return [_AtDepths(objective, zoom.between + 1) for objective in objectives]


@dataclass(frozen=True)
class _AtDepths(WrappedObjective):
    """An objective of a zoom, converted to score the depths as separate images.

    Args:
        objective: the objective for the moments of the zoom.
        stride: how many moments there are from one depth to the next: depth d fills the picture at the moment
            `Zoom.moments[d * stride]`.
    """

    stride: int

    def terms(self) -> tuple["_TermAtDepths", ...]:
        """Return the terms of the objective, each converted to score the depths."""
        return tuple(_TermAtDepths(term, self) for term in self.objective.terms())


@dataclass(frozen=True, eq=False)
class _TermAtDepths(WrappedTerm):
    """A term of an objective of a zoom, converted to score the depths as separate images."""

    wrapper: _AtDepths

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """The reference images of the term for the depths; a single image for all moments serves all depths."""
        return tuple(images[:: self.wrapper.stride] for images in self.term.reference_images)

    def score_views(self, output: Any, images: Tensor) -> Tensor:
        """Return the scores that the term gives to views of depths.

        The term is made for the moments of the zoom. So the term is given the number of the moment at which a depth
        fills the picture, in place of the number of this depth.

        Args:
            output: the output of the judge for the views; without a judge, the pixels of the canvas (`CanvasPixels`).
            images: for each view, the number of the depth that it shows, from 0; without a judge, the numbers of all
                depths.
        """
        return self.term.score_views(output, images * self.wrapper.stride)
