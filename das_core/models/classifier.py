"""Classifiers: judges whose output is one logit a class."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..common.images import check_images, fit_square
from .judge import Judge, freeze, probe_judge
from .labels import Labels, choose_labels


@dataclass(frozen=True, kw_only=True)
class Classifier(Judge):
    """A judge with one logit (V, classes) for each of its labels."""

    labels: Labels

    def probabilities(self, images: Tensor) -> Tensor:
        """How sure it is of every class (B, classes), 0..1, of images (B, 3, H, W), 0..1, each seen whole.

        An oblong image is shown by its middle square, as such models are tested. ValueError when they are no images.
        """
        check_images(images, "the image to classify")
        with torch.no_grad():
            return torch.cat([self(part) for part in fit_square(images, self.size).split(16)]).softmax(dim=1)


def build_classifier(
    name: str,
    module: nn.Module,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Classifier:
    """Freeze a module and return it as a classifier; its labels are ImageNet's if it has 1,000 classes, else numbers.

    Args:
        name: what the model is called.
        module: takes views (V, 3, size, size), normalised, to logits (V, classes).
        size: the side of the views in pixels.
        mean: what is taken from every channel of a view in 0..1.
        std: what the difference is divided by.

    Raises:
        ValueError: the module does not answer such views with one finite number a class.
    """
    judge = Judge(name, freeze(module), size, mean, std)
    classes = probe_judge(judge, answer="with one number a class", wanted="a classifier")
    return judge.convert_to(Classifier, labels=choose_labels(classes))
