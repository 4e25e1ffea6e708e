"""The content of an image: the activations of a layer at every position.

As in Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016, section 2.1). A
view is compared with the same view of the image: same window, flip and noise.
"""

from dataclasses import dataclass

from torch import Tensor

from ..common.images import Images, check_images
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.default_layers import choose_content_layer
from ..models.layers.layer import find_layer, find_layers
from .term import Objective, make_objective

_EPSILON = 1e-12  # The smallest divisor of a distance: all activations of an image may be zero.


def content_objective(model: Judge, images: Images, layer: str = "", weight: float = 1.0) -> Objective:
    """Return the objective that keeps the content of images, as one layer of a judge sees it.

    The score of a view is -|F - C|² / |C|², at most 0: F are its activations, C those of the same view of the image.

    Args:
        model: the judge whose layer is compared.
        images: see `Images`; one for all images of a stack or one for each; for a zoom, one for each moment.
        layer: the name of the layer; if empty, `choose_content_layer` chooses one.
        weight: the weight of the objective, see `Term`.
    """
    known = find_layers(model)
    found = find_layer(known, layer if layer.strip() else choose_content_layer(known, model.size), model.name)
    judge, image = make_activation_judge(model, [found]), check_images(images, "the content image")
    return make_objective("content", [(judge, ContentScore(found.name))], weight, references=(image,))


@dataclass(frozen=True)
class ContentScore:
    """Minus the relative squared distance between the activations of a view and those of the same view of an image."""

    layer: str

    def __call__(self, output: Activations, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), at most 0; `output.references` has the activations of the image."""
        if len(output.references) != 1:
            raise ValueError("content is compared view by view, so it can only be asked for in an ascent")
        (reference,) = output.references
        return -measure_content_distance(output[self.layer], reference[self.layer])


def measure_content_distance(features: Tensor, aim: Tensor) -> Tensor:
    """Return |F - C|² / |C|² (V,) of activations F and their target C, both (V, channels, *positions)."""
    difference, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return difference / size.clamp(min=_EPSILON)
