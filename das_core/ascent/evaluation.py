"""Some views of a canvas, and what a judge answers to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..models.judge import Judge
from ..views.augmentation import Augmentation
from ..views.draws import Draws, ViewKey
from ..views.geometry import ViewGeometry
from .pace import Pace


@dataclass(frozen=True)
class ViewEvaluation:
    """The views that belong to some keys at one moment of an ascent, and the judge that sees them.

    Called again, it shows the very same views: the same windows, flips and noise, also of other canvases.

    Args:
        judge: the model that answers.
        augmentation: how views are made of a canvas.
        geometry: where on the canvas they may lie, and their size.
        keys: what each view's random draws depend on.
        pace: the moment of the ascent.
    """

    judge: Judge
    augmentation: Augmentation
    geometry: ViewGeometry
    keys: Sequence[ViewKey]
    pace: Pace

    def __call__(self, pixels: Tensor) -> Any:
        """Return the judge's answer to views of canvases (B, 3, H, W), 0..1."""
        draws = Draws(self.keys, pixels.device, self.pace.coarse_progress, self.pace.progress)
        return self.judge(self.augmentation(pixels, self.geometry, draws))

    def add_references(self, output: Any, references: Sequence[Tensor]) -> Any:
        """Return `Activations` with the answers to reference canvases (B, 3, H, W) seen through the same views."""
        if not references:
            return output
        with torch.no_grad():
            return replace(output, references=tuple(self(canvas) for canvas in references))
