"""The objective that keeps the content of an image: the activations of a layer at every position.

Content is defined as in Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016,
section 2.1). The activations of a view are compared with those of the same view of the image: the same window, flip and
noise. This takes a second forward pass, but the comparison is correct under every augmentation.
"""

from dataclasses import dataclass

from torch import Tensor

from ..common.images import Images, check_images
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.default_layers import choose_content_layer
from ..models.layers.layer import find_layer, find_layers
from .term import Objective, make_objective

_EPSILON = 1e-12
"""The smallest divisor of a distance. It prevents a division by 0 if all activations of the image are zero."""


def content_objective(model: Judge, images: Images, layer: str = "", weight: float = 1.0) -> Objective:
    """Return the objective that keeps the content of images, as one layer of a judge sees it.

    The score of a view is -|F - C|² / |C|², where F are the activations of a view of the canvas and C those of the same
    view of the image. It is 0 if F and C are the same, and below 0 otherwise. The score needs the same views of canvas
    and image: an ascent shows them to the judge, and so does `score_images`.

    Args:
        model: the judge whose layer is compared.
        images: (1 or B, 3, h, w), 0..1, on any device, or another form of `Images`: one for all images of a stack, or
            one for each; for a zoom, one for all its moments or for each. The ascent places it on a canvas in the same
            way as a start image.
        layer: the name of the layer; if empty, `choose_content_layer` chooses one.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the model is an ensemble or has no such layer, the images are in none of the forms of
            `Images` or are not finite, or the weight is not finite or too large.

    Example:
        >>> import torch
        >>> from das_core import content_objective, load_starter
        >>> image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> (term,) = content_objective(load_starter(), image).terms
        >>> term.score, [tuple(reference.shape) for reference in term.references]
        (ContentScore(layer='blocks.2'), [(1, 3, 64, 64)])
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
    """Return the squared distance of activations to a target, divided by the squared norm of the target.

    Args:
        features: the activations F of V views, (V, channels, *positions).
        aim: the target C, of the same shape.

    Returns:
        |F - C|² / |C|² (V,), at least 0; it is 0 where F and C are the same.

    Example:
        >>> import torch
        >>> measure_content_distance(torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([0.6400])
    """
    difference, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return difference / size.clamp(min=_EPSILON)
