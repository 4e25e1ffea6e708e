"""The content of an image, the activations of a layer at every position: kept, or exaggerated.

A view is compared with the same view of the image (Gatys, Ecker and Bethge, 2016): same window, flip and noise.
"""

import torch.nn.functional as F
from torch import Tensor

from ..common.images import Images, check_images
from ..common.scalars import check_number
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.default_layers import choose_content_layer
from ..models.layers.layer import find_layer, find_layers
from .objective import Objective, make_objective, question

_EPSILON = 1e-12  # The smallest divisor of a distance: all activations of an image may be zero.
_LEAST_COSINE = 0.1  # As in lucid: smaller ones count as this, so that every position has a gradient.


@question
def content(judge: Judge, photo: Images, layer: str = "") -> Objective:
    """Ask for the activations that a `photo` has in one layer: it keeps what is in the photograph, and from a grey
    start it shows what the layer keeps of it (Mahendran and Vedaldi, 2015).

    The score of a view is `-|F - C|² / |C|²`, at most 0: F are its activations, C those of the same view of the photo.

    Args:
        photo: see `Images`; one for all images of a stack or one for each; for a zoom, one for each moment.
        layer: the name of the layer; if empty, `choose_content_layer` chooses one.
    """
    known = find_layers(judge)
    found = find_layer(known, layer if layer.strip() else choose_content_layer(known, judge.size), judge.name)
    reader, image = make_activation_judge(judge, [found]), check_images(photo, "the content image")

    def score(output: Activations, images: Tensor) -> Tensor:
        return -measure_content_distance(*_pair(output, found.name))

    return make_objective("content", [(reader, score)], references=(image,), images=len(image))


@question
def caricature(judge: Judge, photo: Images, layer: str, power: float = 1) -> Objective:
    """Ask for what a `photo` excites in one layer, exaggerated, place by place (Olah et al., lucid, 2018).

    The score of a view is the mean of F C max(cos, 0.1)^power over channels and positions: F are its activations, C
    those of the same view of the photo, and cos is their cosine at a position. That of the photo itself is its mean
    square, as in `layer`. With `start=photo` the photograph changes, without it a new picture grows.

    Args:
        photo: see `content`; several make a picture of each.
        layer: the name of the layer.
        power: from 0, which takes the dot product alone and so may add what the image lacks.
    """
    found = find_layer(find_layers(judge), layer, judge.name)
    exponent = check_number("power", power, 0, 100, "0 takes the dot product alone")
    reader, image = make_activation_judge(judge, [found]), check_images(photo, "the photograph")

    def score(output: Activations, images: Tensor) -> Tensor:
        features, aim = _pair(output, found.name)
        likeness = F.cosine_similarity(features, aim, dim=1).clamp(min=_LEAST_COSINE)
        return ((features * aim).mean(dim=1) * likeness**exponent).reshape(len(features), -1).mean(dim=1)

    name = f"{found.name} caricature"
    return make_objective(name, [(reader, score)], references=(image,), images=len(image))


def _pair(output: Activations, layer: str) -> tuple[Tensor, Tensor]:
    """Return the activations of views, and of the same views of an image, both (V, channels, *positions)."""
    if len(output.references) != 1:
        raise ValueError("content is compared view by view, so it can only be asked for in an ascent")
    return output[layer], output.references[0][layer]


def measure_content_distance(features: Tensor, aim: Tensor) -> Tensor:
    """Return |F - C|² / |C|² (V,) of activations F and their target C, both (V, channels, *positions)."""
    difference, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return difference / size.clamp(min=_EPSILON)
