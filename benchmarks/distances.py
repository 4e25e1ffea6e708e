"""Measures how different pictures are: by the features of a classifier, and by their pixels at a size of 14 x 14."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from das_core.models.classifier import Classifier


def mean_distance(classifier: Classifier, images: Tensor) -> float:
    """Return the mean of 1 - cosine of all pairs of images (N, 3, H, W), in what the last linear layer takes."""
    head = [part for part in classifier.module.modules() if isinstance(part, nn.Linear)][-1]
    found: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].double()))
    try:
        for image in images.split(1):
            classifier.probabilities(image)
    finally:
        handle.remove()
    directions = F.normalize(torch.cat(found), dim=1)
    first, second = torch.triu_indices(len(images), len(images), offset=1)
    return float((1 - (directions[first] * directions[second]).sum(dim=1)).clamp(min=0).mean())


def mean_difference_from_afar(images: Tensor) -> float:
    """Return the root mean square difference of images (N, 3, H, W) at 14 x 14 pixels, averaged over all pairs.

    Only large shapes and their colours are left at this size.
    """
    small = F.interpolate(images, size=(14, 14), mode="bicubic", antialias=True).clamp(0, 1)
    first, second = torch.triu_indices(len(images), len(images), offset=1)
    return float((small[first] - small[second]).square().mean(dim=(1, 2, 3)).sqrt().mean())
