"""The objective that makes images of a batch differ (Olah et al., Feature Visualization, Distill 2017, Diversity)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from ..common.devices import make_constant
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.layer import find_layer, find_layers
from .objective import Objective, make_objective, question
from .style import gram_matrix


@question
def diversity(judge: Judge, layer: str, together: int = 0) -> Objective:
    """Ask for a batch whose images differ in one layer: `channel("layer4", 12) + 0.5 * diversity("layer3")`.

    The score of view i of an image is 1 - c: c is the mean cosine between its Gram matrix and those of view i of every
    other image. It needs views of its own, so the model runs on more views in each step.

    Args:
        layer: the name of the layer in the model (`find_layers` lists them). With a weight below 0 the images become
            alike.
        together: how many images, one after the other, are compared among themselves; 0 for all.
    """
    reader = make_activation_judge(judge, [find_layer(find_layers(judge), layer, judge.name)])
    score = DiversityScore(reader.layers[0].name, together)
    return make_objective(f"{score.layer} diversity", [(reader, score)], compares_images=True)


@dataclass(frozen=True)
class DiversityScore:
    """How much a view differs from the matching views of the other images, in one layer."""

    layer: str
    together: int = 0

    def __call__(self, output: Activations, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), 0..1; views with the same number in their image are compared."""
        directions = F.normalize(gram_matrix(output[self.layer]).flatten(1), dim=1)
        same_image = images[:, None] == images[None, :]
        # The number of each view among those of its own image, from 0: views with the same number are compared.
        number = same_image.tril(-1).sum(dim=1)
        others = (number[:, None] == number[None, :]) & ~same_image
        if self.together:
            series = images // self.together
            others &= series[:, None] == series[None, :]
        alone = ~others.any(dim=1)
        if bool(alone.any()):
            raise ValueError(
                f"the diversity of {self.layer} is given a view of image {int(images[alone][0])} and none of another "
                "image to compare it with; give as many views of every image of a batch of 2 or more"
            )
        # `images`, and so `others`, is on the CPU: nothing waits for the device, which is sent `compared` once.
        compared = make_constant(tuple(others.flatten().tolist()), directions.dtype, directions.device).view_as(others)
        return 1 - (directions @ directions.T * compared).sum(dim=1) / compared.sum(dim=1)
