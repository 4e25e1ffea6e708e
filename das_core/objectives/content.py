"""Keep what an image shows where it shows it: the features of a layer, place by place.

The content of Gatys, Ecker and Bethge (CVPR 2016, section 2.1). Views are windows of a canvas, so each is compared with
what the model sees of the image through the very same window, flip and noise. That costs a forward pass more, and
holds for whatever an augmentation does to views.
"""

from dataclasses import dataclass

from torch import Tensor

from ..images import check_images
from ..models.default_layers import content_layer
from ..models.judge import Judge
from ..models.layers import found_layer, layers_of
from ..models.watched import Activations, Watched, watched_at
from .lines import check_weight

_NOTHING = 1e-12
"""Less than any features are: where a window shows nothing to the model, there is nothing to divide by."""


@dataclass(frozen=True)
class ContentObjective:
    """How near the features of a layer come to those of images (1 or B, 3, H, W) in the same place: 0 is the same.

    The score of a view is -|F - C|² / |C|², with F the features of the view and C those of the image, which lies on the
    canvas as a start image does. `judge` watches one layer.
    """

    judge: Watched
    image: Tensor
    weight: float = 1.0
    name: str = "content"

    def __post_init__(self) -> None:
        check_weight(self.weight, "the objective")

    def score(self, output: Activations) -> Tensor:
        """The score (V,) of every view; only in an ascent, where the views of the image are known too."""
        if output.beside is None:
            raise ValueError("content is compared view by view, so it can only be asked for in an ascent")
        aim = output.beside(self.image)
        return -content_distance(output[self.layer], aim[self.layer])

    @property
    def layer(self) -> str:
        """The layer that is compared."""
        return self.judge.layers[0].name


def content_distance(features: Tensor, aim: Tensor) -> Tensor:
    """|F - C|² / |C|² (V,) of features and those aimed at, both (V, channels, *positions)."""
    off, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return off / size.clamp(min=_NOTHING)


def content_objective(model: Judge, images: Tensor, layer: str = "", weight: float = 1.0) -> ContentObjective:
    """The content of images (B, 3, H, W), 0..1, in a layer; without a name in that of `content_layer`.

    A batch of images goes with a stack of as many, each with its own. ValueError when there is no such layer.
    """
    known = layers_of(model)
    found = found_layer(known, layer if layer.strip() else content_layer(known, model.size), model.name)
    return ContentObjective(watched_at(model, [found]), check_images(images, "the content image"), weight)
