"""The objective that makes the images of a batch differ, as one layer of a judge sees them.

Two images differ if different channels of the layer are active together, which Gram matrices measure. This is the
diversity term of Olah, Mordvintsev and Schubert, "Feature Visualization" (Distill 2017, section "Diversity"). A channel
often reacts to several things, and images that have to differ show more of these things.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import make_constant
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, make_activation_judge
from ..models.layers.layer import Layer, find_layer, find_layers
from .base import BaseObjective
from .style import gram_matrix


@dataclass(frozen=True)
class DiversityObjective(BaseObjective):
    """How much the images of a batch differ in one layer of a judge.

    Every image of the batch has equally many views. View i of an image is compared with view i of every other image.
    The score of a view is 1 - c, where c is the mean cosine between its Gram matrix (`gram_matrix`) and the Gram
    matrices of the views that it is compared with. The score is 0 if all of these matrices are equal up to a factor.
    Gradients flow to all of these views.

    The objective needs a batch of at least two images. In an ascent it shares its views only with other objectives that
    compare images, so the model runs on additional views in each step. The gradients of groups are scaled in proportion
    to the weights: with a weight of 0.5 this objective has half the effect of another objective of weight 1, whatever
    the scales of the two scores are.

    Args:
        judge: a judge that captures one layer.
        weight: the weight of the objective, see `Objective.weight`; with a weight below 0 the images become alike.

    Raises:
        ValueError: when the weight is not finite or too large.

    Example:
        >>> from das_core import Ascent, DiversityObjective, FeatureObjective, ImageStack, StackSpec, load_starter
        >>> model = load_starter()
        >>> channel = FeatureObjective.from_layer(model, "blocks.4", "channel", 12)
        >>> apart = DiversityObjective.from_layer(model, "blocks.3", weight=0.5)
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16), batch=2)
        >>> result = Ascent(stack, [channel, apart], steps=1).run()
        >>> apart.name, len(result.image)
        ('blocks.3 diversity', 2)
    """

    judge: ActivationJudge
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight(self.weight, "the objective")

    @classmethod
    def from_layer(cls, model: Judge, layer: str, weight: float = 1.0) -> "DiversityObjective":
        """Return the objective for a layer, found by its name.

        Args:
            model: the judge whose layer is captured.
            layer: the name of the layer in the model (`find_layers` lists them).
            weight: the weight of the objective, see `Objective.weight`.

        Raises:
            ValueError: when the model is an ensemble, there is no such layer (the message lists the nearest names), or
                the weight is not finite or too large.
        """
        return cls(make_activation_judge(model, [find_layer(find_layers(model), layer, model.name)]), weight)

    @property
    def layer(self) -> Layer:
        """The layer of the judge whose activations are compared."""
        return self.judge.layers[0]

    @property
    def name(self) -> str:
        """The name of the layer and the word 'diversity', such as 'blocks.3 diversity'."""
        return f"{self.layer.name} diversity"

    @property
    def compares_images(self) -> bool:
        """True: a view is compared with views of all other images."""
        return True

    def score_views(self, output: Activations, images: Tensor) -> Tensor:
        """Return for every view how much it differs from the matching views of the other images.

        Args:
            output: the activations of V views.
            images: for each view, the number of the image that the view shows, from 0, (V,), int64, on the CPU. The
                first view of an image matches the first views of the other images, the second view matches the second
                views, and so on.

        Returns:
            Scores (V,), 0..1, because the cosine of two Gram matrices is never negative; 0 if the Gram matrices of
            all matching views are equal up to a factor.

        Raises:
            ValueError: when a view has no matching view of another image.
        """
        directions = F.normalize(gram_matrix(output[self.layer.name]).flatten(1), dim=1)
        same_image = images[:, None] == images[None, :]
        # The number of each view among the views of its own image, from 0. A view is compared with the views of other
        # images that have the same number.
        number = same_image.tril(-1).sum(dim=1)
        others = (number[:, None] == number[None, :]) & ~same_image
        alone = ~others.any(dim=1)
        if bool(alone.any()):
            raise ValueError(
                f"'{self.name}' is given a view of image {int(images[alone][0])} and "
                "none of another image to compare it with; give as many views of every image of a batch of 2 or more"
            )
        # `images` and all that follows from it are on the CPU, so the program does not wait for the device. The numbers
        # `compared` are the same at every step, and are sent once.
        compared = make_constant(tuple(others.flatten().tolist()), directions.dtype, directions.device).view_as(others)
        return 1 - (directions @ directions.T * compared).sum(dim=1) / compared.sum(dim=1)

    def score(self, output: Activations) -> Tensor:
        """Return the scores (V,) of V views, each of a different image; see `score_views`."""
        count = len(output[self.layer.name])
        return self.score_views(output, torch.arange(count))
