"""Keep what an image shows where it shows it: the features of a layer, place by place.

The content of Gatys, Ecker and Bethge (CVPR 2016, section 2.1). Views are windows of a canvas, so each is compared with
what the model sees of the image through the very same window, flip and noise. That costs a forward pass more, and
holds for whatever an augmentation does to views.
"""

from dataclasses import dataclass

from torch import Tensor

from ..common.images import check_images
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, capture_layers
from ..models.layers.default_layers import choose_content_layer
from ..models.layers.layer import find_layer, find_layers
from .base import BaseObjective

_NOTHING = 1e-12
"""Less than any features are: where a window shows nothing to the model, there is nothing to divide by."""


@dataclass(frozen=True)
class ContentObjective(BaseObjective):
    """How near the features of a layer come to those of images in the same place: 0 where they are the same.

    The score of a view is -|F - C|² / |C|², with F the features of the view and C those of the image, which lies on the
    canvas as a start image does. Content is compared view by view, so it can only be asked for in an ascent.

    Args:
        judge: watches one layer.
        image: what to keep, (1 or B, 3, h, w), 0..1: one image for all of a stack, or one for each.
        weight: how much the score counts.
        name: what it is called in the history.
    """

    judge: ActivationJudge
    image: Tensor
    weight: float = 1.0
    name: str = "content"

    def __post_init__(self) -> None:
        check_weight(self.weight, "the objective")

    @classmethod
    def from_images(cls, model: Judge, images: Tensor, layer: str = "", weight: float = 1.0) -> "ContentObjective":
        """Return the objective of keeping the content of images in a layer.

        Args:
            model: the judge to look into.
            images: (1 or B, 3, h, w), 0..1; a batch goes with a stack of as many, each with its own.
            layer: the name of the layer; without one that of `choose_content_layer`.
            weight: how much the score counts.

        Raises:
            ValueError: there is no such layer, or the images are none.
        """
        known = find_layers(model)
        found = find_layer(known, layer if layer.strip() else choose_content_layer(known, model.size), model.name)
        return cls(capture_layers(model, [found]), check_images(images, "the content image"), weight)

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        """The image to keep."""
        return (self.image,)

    @property
    def layer(self) -> str:
        """The name of the layer that is compared."""
        return self.judge.layers[0].name

    def score(self, output: Activations) -> Tensor:
        """Return the score (V,) of every view, given the activations of the views and of the same views of the image.

        Raises:
            ValueError: the activations come without those of the image.
        """
        if len(output.references) != 1:
            raise ValueError("content is compared view by view, so it can only be asked for in an ascent")
        (reference,) = output.references
        return -measure_content_distance(output[self.layer], reference[self.layer])


def measure_content_distance(features: Tensor, aim: Tensor) -> Tensor:
    """Return |F - C|² / |C|² (V,) of features and those aimed at, both (V, channels, *positions)."""
    off, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return off / size.clamp(min=_NOTHING)
