"""Classifiers: judges that answer with one logit for each class."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..common.images import Images, check_images, fit_square
from .frozen import freeze
from .judge import Judge, probe_judge
from .labels import Labels, choose_labels


@dataclass(frozen=True, kw_only=True)
class Classifier(Judge):
    """A judge that answers with logits (V, classes).

    `load_starter`, `load_timm`, `load_torchvision` and `load` load one. Arguments as of `Judge`, and:

    Args:
        labels: the classes, in the order of the logits.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> classifier = da.load_starter()
        >>> classifier(torch.full((1, 3, 224, 224), 0.5)).shape
        torch.Size([1, 1000])
        >>> classifier.labels.name(107)
        'jellyfish'
    """

    labels: Labels = field(repr=False)

    def probabilities(self, images: Images) -> Tensor:
        """Return the probability of every class for whole images: (B, classes), 0..1, without gradients.

        Of an oblong image, the model is shown the middle square, as in the usual tests of classifiers.

        Args:
            images: (B, 3, H, W), 0..1, on the CPU or the device of the model; or another form of `Images`.

        Raises:
            ValueError: when the images are in none of the forms of `Images`, or hold values that are not finite.
        """
        images = self.bring(check_images(images, "the image to classify"))
        with torch.no_grad():
            return torch.cat([self(part) for part in fit_square(images, self.size).split(16)]).softmax(dim=1)


def build_classifier(
    name: str, module: nn.Module, size: int, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Classifier:
    """Return a classifier made of a module, which is frozen in place. With 1,000 classes it has the labels of ImageNet,
    with any other number 'class 0', 'class 1' and so on."""
    judge = Judge(name, freeze(module), size, mean, std)
    classes = probe_judge(judge, answer="with one number a class", wanted="a classifier")
    return judge.convert_to(Classifier, labels=choose_labels(classes))
