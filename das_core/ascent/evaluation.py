"""Views of a canvas at one step of an ascent, and the outputs of a judge for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..models.judge import Judge
from ..views.augmentation import Augmentation
from ..views.draws import Draws, ViewKey
from ..views.geometry import ViewGeometry
from ..views.pyramid import Pyramid
from .pace import Pace


@dataclass(frozen=True)
class ViewEvaluation:
    """A function from the pixels of canvases to the answer of a judge for views with these keys.

    Every call uses the same windows, flips and noise, whatever the pixels are.
    """

    judge: Judge
    augmentation: Augmentation
    geometry: ViewGeometry
    keys: Sequence[ViewKey]
    pace: Pace

    def __call__(self, pixels: Tensor | Pyramid) -> Any:
        """Return the answer of the judge for the V views: a tensor (V, …), or `Activations`."""
        draws = Draws(self.keys, pixels.device, self.pace.coarse_progress, self.pace.progress)
        # The seed and the number of the image: a `PartialClassifier` chooses by these which features it uses.
        images = [(key.seed, key.item) for key in self.keys]
        return self.judge.answer(self.augmentation(pixels, self.geometry, draws), images)

    def add_references(self, output: Any, references: Sequence[Pyramid]) -> Any:
        """Return the answer with those for reference images, seen through the same views, in its field `references`."""
        if not references:
            return output
        with torch.no_grad():
            return replace(output, references=tuple(self(canvas) for canvas in references))
