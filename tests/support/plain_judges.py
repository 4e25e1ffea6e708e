"""A classifier that sees only the mean colour of a view, images for such classifiers, and resizing by Pillow."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from das_core.models.classifier import Classifier
from das_core.models.labels import number_labels

SIZE = 96


def make_classifier(module: nn.Module, classes: int) -> Classifier:
    module = module.eval().requires_grad_(False)
    return Classifier("toy", module, SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(classes))


class MeanColour(nn.Module):
    """Three logits: ten times the mean red, green and blue of a view."""

    def forward(self, views: Tensor) -> Tensor:
        return 10 * views.mean(dim=(2, 3))


def paint(*colours: tuple[float, float, float], side: int = SIZE) -> Tensor:
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, side, side).contiguous()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def resize_by_pillow(channel: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a channel (h, w), 0..1, resized by Pillow, as a reference."""
    resized = Image.fromarray(channel.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized).clip(0, 1)
