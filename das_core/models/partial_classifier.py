"""A classifier that is asked by a part of its last features, another part for every picture.

A logit is a weighted sum of the last features of a network, its evidence for the class. A picture that has to convince
by a random part of them shows other signs of the class than one that has to convince by another part: so pictures of
one class differ more. Leaving features out at random is dropout (Srivastava et al., 2014, "Dropout: A Simple Way to
Prevent Neural Networks from Overfitting"); here what is left out stays left out for the whole ascent of a picture.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..common.cache import cached
from ..common.devices import send_to_device
from ..common.seeding import make_generator
from .classifier import Classifier
from .judge import Judge


@dataclass(frozen=True, kw_only=True)
class PartialClassifier(Classifier):
    """A classifier that answers about views of an ascent by a part of its last features.

    It shares the module of the classifier that it was made of; `make_partial_classifier` makes one. Called with views
    alone it answers by all features. The arguments are those of `Classifier`, and:

    Args:
        share: the share of the features that count, above 0 and at most 1.

    Example:
        >>> import torch
        >>> from das_core import load_starter
        >>> from das_core.models import make_partial_classifier
        >>> half = make_partial_classifier(load_starter(), 0.5)
        >>> views = torch.full((2, 3, 224, 224), 0.5)
        >>> one, other = half.answer(views, [(0, 0), (0, 1)])
        >>> torch.equal(one, other)
        False
    """

    share: float

    def answer(self, views: Tensor, images: Sequence[tuple[int, int]]) -> Any:
        """Return the logits by the features that count for each image; see `Judge.answer`.

        What counts is drawn for the seed and the number of the image. The features that are left stand in for all:
        they are divided by their share.
        """
        with ExitStack() as hooks:
            for head in _find_heads(self):
                kept = _draw_features(self.share, head.in_features, tuple(images), views.device)
                hooks.enter_context(head.register_forward_pre_hook(_Scale(kept / self.share)))
            return self(views)

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The output by a share of the features."""
        return ("output of a share", self.share)

    @property
    def whole(self) -> Judge:
        """The classifier that answers by all features."""
        return self.convert_to(Classifier, labels=self.labels)


# All steps of an ascent ask for the same: once for every chunk, head and member of an ensemble.
@cached(maxsize=64)
def _draw_features(share: float, features: int, images: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Return for every view which features count: 1 or 0, (V, features), on a device."""
    count = max(1, round(share * features))
    drawn = {}
    for seed, number in set(images):
        order = torch.randperm(features, generator=make_generator(seed, number, features))
        drawn[seed, number] = (order < count).float()
    return send_to_device(torch.stack([drawn[image] for image in images]), device)


def make_partial_classifier(classifier: Classifier, share: float) -> PartialClassifier:
    """Return a classifier that answers about views of an ascent by a part of its last features.

    Args:
        classifier: a single one; the members of an ensemble are made partial one by one.
        share: the share of the features that count, above 0 and at most 1.

    Raises:
        ValueError: when the share is out of range, or no linear layer of the classifier has an output for every class.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.models import make_partial_classifier
        >>> make_partial_classifier(load_starter(), 0.7).share
        0.7
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the features: choose one above 0 and at most 1 (all of them)")
    if not _find_heads(classifier):
        raise ValueError(
            f"{classifier.name} has no linear layer with an output for each of its {len(classifier.labels)} classes, "
            "so none of its features can be left out: set variety to 0, or choose another classifier"
        )
    return classifier.convert_to(PartialClassifier, labels=classifier.labels, share=share)


class _Scale:
    """A hook that multiplies what a layer is given by a factor for each view and feature."""

    def __init__(self, factors: Tensor) -> None:
        self.factors = factors

    def __call__(self, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        features, *more = inputs
        # (V, F) to (V, 1, …, F), for heads that answer at several places.
        shape = (len(self.factors), *[1] * (features.ndim - 2), self.factors.shape[1])
        return (features * self.factors.to(features.dtype).reshape(shape), *more)


def _find_heads(classifier: Classifier) -> list[nn.Linear]:
    """Return the linear layers with an output for every class: one, or two in models that were distilled."""
    classes = len(classifier.labels)
    return [
        part for part in classifier.module.modules() if isinstance(part, nn.Linear) and part.out_features == classes
    ]
