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
    """A function from the pixels of canvases to the output of a judge for some views of the canvases.

    Every call uses the same windows, flips and noise, whatever the pixels are.

    Args:
        judge: the judge that gets the views.
        augmentation: how views are made of a canvas.
        geometry: where on the canvas views may lie, and the size in pixels that they are resized to.
        keys: the key of each view. It says which image of the batch the view shows, and it decides the random draws of
            the view.
        pace: the pace of the step. Windows and noise depend on its `coarse_progress` and its `progress`.
    """

    judge: Judge
    augmentation: Augmentation
    geometry: ViewGeometry
    keys: Sequence[ViewKey]
    pace: Pace

    def __call__(self, pixels: Tensor | Pyramid) -> Any:
        """Return the output of the judge for the views.

        Args:
            pixels: pixels of canvases (B, 3, H, W), 0..1, margins included, or a `Pyramid` of them.

        Returns:
            For the V views, in the order of the field `keys`: a tensor (V, …), or the `Activations` of an
            `ActivationJudge`.
        """
        draws = Draws(self.keys, pixels.device, self.pace.coarse_progress, self.pace.progress)
        # The seed and the number of the image: a `PartialClassifier` chooses by these which features it uses.
        images = [(key.seed, key.item) for key in self.keys]
        return self.judge.answer(self.augmentation(pixels, self.geometry, draws), images)

    def add_references(self, output: Any, references: Sequence[Pyramid]) -> Any:
        """Add to an output the outputs of the judge for reference images, which it sees through the same views.

        Args:
            output: the output for the views of the canvas. If there are references, it must be `Activations`.
            references: for each reference, a pyramid of canvases that show it. Each pyramid has one canvas for every
                image that the views can show.

        Returns:
            A copy of `output` whose field `references` has the outputs for the reference images, without gradients; if
            there are no reference images, `output` itself.
        """
        if not references:
            return output
        with torch.no_grad():
            return replace(output, references=tuple(self(canvas) for canvas in references))
