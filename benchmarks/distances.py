"""Measures how different pictures are: by the features of a classifier, and by their pixels at a size of 14 x 14."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from das_core.common.images import check_images, fit_square
from das_core.models.classifier import Classifier
from das_core.models.layers.activations import make_activation_judge
from das_core.models.layers.layer import Layer, find_layers
from das_core.report.recognition import resize

_BATCH = 16  # how many images go through the classifier at once


def mean_distance(classifier: Classifier, images: Tensor) -> float:
    """Return how different images are to a classifier: the mean cosine distance of all pairs of images."""
    images = check_images(images, "the image to compare")
    if len(images) < 2:
        raise ValueError(f"{len(images)} image has nothing to differ from; compare at least 2")
    layer = _find_feature_layer(classifier)
    judge = make_activation_judge(classifier, [layer])
    squares = fit_square(images.clamp(0, 1), classifier.size)
    with torch.no_grad():
        activations = torch.cat([judge(part)[layer.name] for part in squares.split(_BATCH)])
    features = activations.reshape(len(images), layer.channels, -1).mean(dim=2)
    if not bool(features.any(dim=1).all()):
        raise ValueError(
            f"{classifier.name} finds no features in an image (layer {layer.name} is zero); ask another model"
        )
    directions = F.normalize(features.double(), dim=1)
    first, second = torch.triu_indices(len(images), len(images), offset=1)
    return float((1 - (directions[first] * directions[second]).sum(dim=1)).clamp(min=0).mean())


def mean_difference_from_afar(images: Tensor) -> float:
    """Return how different images are at 14 x 14 pixels, where only large shapes and their colours are left."""
    small = resize(images, (14, 14))
    first, second = torch.triu_indices(len(images), len(images), offset=1)
    return float((small[first] - small[second]).square().mean(dim=(1, 2, 3)).sqrt().mean())


def _find_feature_layer(classifier: Classifier) -> Layer:
    """Return the layer whose features go into the last linear layer that has an output for each class."""
    layers, parts = find_layers(classifier), dict(classifier.module.named_modules())
    for place in reversed(range(len(layers))):
        head = parts.get(layers[place].name)
        if isinstance(head, nn.Linear) and head.out_features == len(classifier.labels):
            for layer in reversed(layers[:place]):
                if layer.channels == head.in_features:
                    return layer
    raise ValueError(f"{classifier.name} has no linear layer at its end with features before it; choose another model")
