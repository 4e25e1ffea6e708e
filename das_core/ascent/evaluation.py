"""Views of a canvas at one moment of an ascent, and the outputs of a judge for them."""

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
    """A function from the pixels of canvases to the outputs of a judge for some views of them.

    Every call uses the same windows, flips and noise, whatever the pixels are.

    Args:
        judge: the judge that answers.
        augmentation: how views are made of a canvas.
        geometry: where on the canvas views may lie, and the size in pixels that they are resized to.
        keys: what the random draws of each view depend on, and which image of the batch it shows; one key for each
            view.
        pace: the moment of the ascent.
    """

    judge: Judge
    augmentation: Augmentation
    geometry: ViewGeometry
    keys: Sequence[ViewKey]
    pace: Pace

    def __call__(self, pixels: Tensor | Pyramid) -> Any:
        """Return the answer of the judge to the views.

        Args:
            pixels: pixels of canvases (B, 3, H, W), 0..1, margins included, or the pyramid of them.

        Returns:
            A tensor (V, …) in the order of the keys, or the `Activations` of an `ActivationJudge`.
        """
        draws = Draws(self.keys, pixels.device, self.pace.coarse_progress, self.pace.progress)
        images = [(key.seed, key.item) for key in self.keys]
        return self.judge.answer(self.augmentation(pixels, self.geometry, draws), images)

    def add_references(self, output: Any, references: Sequence[Pyramid]) -> Any:
        """Return an answer together with the answers to the same views of reference images.

        Args:
            output: the answer to the views of the canvas: `Activations`, if there are references.
            references: canvases that show reference images, each of as many images as there are canvases.

        Returns:
            The answer with `references` filled in, without gradients; the answer as it is if there are no references.
        """
        if not references:
            return output
        with torch.no_grad():
            return replace(output, references=tuple(self(canvas) for canvas in references))
