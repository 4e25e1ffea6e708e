"""Classifiers: judges that answer with one logit for each class."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..common.images import Images, check_images, fit_square
from .frozen import freeze, freeze_copy
from .judge import Judge, probe_judge
from .label_sets import choose_labels
from .labels import Labels


@dataclass(frozen=True, kw_only=True)
class Classifier(Judge):
    """A judge that answers with logits (V, classes).

    `load_starter`, `load_timm`, `load_torchvision` and `load_classifier_file` load a classifier; `build_classifier`
    makes one from any module.

    Args:
        name: the name of the model in messages.
        module: the model; it takes normalised views (V, 3, size, size) to logits (V, classes).
        size: the side of a view in pixels.
        mean: per channel, the mean that is subtracted from views in 0..1.
        std: per channel, the standard deviation that views are then divided by.
        owner: any object that must live as long as the judge does; see `Judge`.
        labels: the classes, in the order of the logits.

    Example:
        >>> import torch
        >>> from das_core import load_starter
        >>> classifier = load_starter()
        >>> view = torch.full((1, 3, 224, 224), 0.5)
        >>> classifier(view).shape
        torch.Size([1, 1000])
        >>> classifier.labels.name(107)
        'jellyfish'
    """

    labels: Labels = field(repr=False)

    @property
    def members(self) -> tuple["Classifier", ...]:
        """The single models of this judge: itself, or the members of an ensemble."""
        return (self,)

    def map_members(self, change: Callable[["Classifier"], "Classifier"]) -> "Classifier":
        """Return this judge with `change` applied to every member; the judge itself if no member changes."""
        return change(self)

    def probabilities(self, images: Images) -> Tensor:
        """Return the probability of every class for whole images.

        Of an oblong image, the model is shown the middle square, as in the usual tests of classifiers.

        Args:
            images: (B, 3, H, W), 0..1, on the CPU or the device of the model; or another form of `Images`.

        Returns:
            Probabilities (B, classes), 0..1; those of each image sum to 1. No gradient flows from them.

        Raises:
            ValueError: when the images are in none of the forms of `Images` (a tensor of integers is in none), or hold
                values that are not finite.
        """
        images = self.bring(check_images(images, "the image to classify"))
        with torch.no_grad():
            return torch.cat([self(part) for part in fit_square(images, self.size).split(16)]).softmax(dim=1)


def build_classifier(
    name: str,
    module: nn.Module,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    *,
    copy: bool = True,
) -> Classifier:
    """Return a classifier made from a module.

    If the module has 1,000 classes, the labels are those of ImageNet; else they are 'class 0', 'class 1' and so on.

    Args:
        name: the name of the model in messages.
        module: takes normalised views (V, 3, size, size) to logits (V, classes).
        size: the side of a view in pixels.
        mean: per channel, the mean that is subtracted from views in 0..1.
        std: per channel, the standard deviation that views are then divided by.
        copy: if True, the classifier gets a frozen copy of the module, with weights of the same precision, and the
            module itself is not changed. If False, the module itself is frozen in place and its weights become float32;
            this takes half the memory, because there is no copy.

    Raises:
        ValueError: when the module cannot be copied, or does not answer views of this size with one finite number for
            each class.

    Example:
        >>> import torch
        >>> from das_core.models import build_classifier
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> classifier = build_classifier("brightest channel", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(1, 3, 8, 8)
        >>> classifier.probabilities(red)
        tensor([[0.5761, 0.2119, 0.2119]])
        >>> classifier.labels.name(0)
        'class 0'
    """
    judge = Judge(name, freeze_copy(name, module) if copy else freeze(module), size, mean, std)
    classes = probe_judge(judge, answer="with one number a class", wanted="a classifier")
    return judge.convert_to(Classifier, labels=choose_labels(classes))
