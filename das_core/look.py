"""A look at a canvas: some views of it, and what a judge says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .augment import Augmentation
from .draws import Draws, ViewKey
from .masks import Box
from .models.judge import Judge
from .models.watched import Activations
from .schedule import Pace
from .stack import StackSpec
from .start import placed


@dataclass(frozen=True)
class Look:
    """What a judge is shown of a stack of this spec: the views that belong to some keys and this pace.

    Repeated, it shows the very same views, also of other pixels.
    """

    judge: Judge
    augmentation: Augmentation
    spec: StackSpec
    keys: Sequence[ViewKey]
    pace: Pace
    boxes: Sequence[Box] | None = None

    def __call__(self, pixels: Tensor) -> Any:
        """What the judge says of its views of canvases (B, 3, H, W), 0..1."""
        draws = Draws(self.keys, pixels.device, self.pace.opening, self.pace.done)
        spec, size = self.spec, self.judge.size
        views = self.augmentation(pixels, spec.margin, draws, size, tile=spec.tile, boxes=self.boxes)
        output: Any = self.judge(views)
        if not isinstance(output, Activations):
            return output
        return replace(output, beside=lambda image: self.beside(image, pixels))

    def beside(self, image: Tensor, pixels: Tensor) -> Any:
        """What it would say if the canvases, alike in number and size, showed an image (1 or B, 3, h, w), 0..1."""
        if len(image) not in (1, len(pixels)):
            raise ValueError(
                f"{len(image)} images to compare with do not go with a stack of {len(pixels)}: use 1 or {len(pixels)}"
            )
        with torch.no_grad():
            canvas = placed(image.to(pixels.device), (self.spec.height, self.spec.width), self.spec.margin)
            return self(canvas.expand(len(pixels), -1, -1, -1))
