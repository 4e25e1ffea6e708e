"""A classifier whose logits use only some of its last features: a random subset that differs for every picture.

This is dropout (Srivastava et al., 2014, JMLR 15) before the last layer, with one mask for the ascent of a picture.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..common.cache import cached
from ..common.devices import send_to_device
from ..common.own_thread import hearing_own_thread
from ..common.seeding import make_generator
from .classifier import Classifier
from .judge import Judge


@dataclass(frozen=True, kw_only=True)
class PartialClassifier(Classifier):
    """A classifier whose `answer`, for views of an ascent, uses only the share `share` (0..1) of its last features."""

    share: float

    def answer(self, views: Tensor, images: Sequence[tuple[int, int]]) -> Any:
        """Return logits that use only the features drawn for each image (a film or a zoom is one), from its seed and
        number. Their values are divided by `share`, as in dropout, so that the logits stay about as large."""
        with ExitStack() as hooks:
            for head in _find_heads(self):
                kept = _draw_features(self.share, head.in_features, tuple(images), views.device)
                scale = partial(_scale_features, kept / self.share)
                hooks.enter_context(hearing_own_thread(head.register_forward_pre_hook, scale))
            return self(views)

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The kind of answer: logits that use this share of the features."""
        return ("output of a share", self.share)

    @property
    def whole(self) -> Judge:
        """The classifier that uses all features."""
        return self.convert_to(Classifier, labels=self.labels)


# Cached, because all steps of an ascent need the same masks. Within an ascent, the arguments can differ only between
# chunks of views, layers of `_find_heads`, and members of an ensemble; equal arguments share an entry.
@cached(maxsize=64)
def _draw_features(share: float, features: int, images: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Return a mask (V, features) on a device: 1 for the features that are used for a view, 0 for the others."""
    count = max(1, round(share * features))
    drawn = {}
    for seed, number in set(images):
        order = torch.randperm(features, generator=make_generator(seed, number, features))
        drawn[seed, number] = (order < count).float()
    return send_to_device(torch.stack([drawn[image] for image in images]), device)


def make_partial_classifier(classifier: Classifier, share: float) -> PartialClassifier:
    """Return a single classifier whose `answer` uses a share, above 0 and at most 1, of its last features."""
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the features: choose one above 0 and at most 1 (all of them)")
    if not _find_heads(classifier):
        raise ValueError(
            f"{classifier.name} has no linear layer with an output for each of its {len(classifier.labels)} classes, "
            "so none of its features can be left out: set variety to 0, or choose another classifier"
        )
    return classifier.convert_to(PartialClassifier, labels=classifier.labels, share=share)


def _scale_features(factors: Tensor, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Multiply the input of a layer by factors (V, F), as a forward pre-hook."""
    features, *more = inputs
    # (V, F) to (V, 1, …, F), for layers whose input has more axes, such as an axis of positions.
    shape = (len(factors), *[1] * (features.ndim - 2), factors.shape[1])
    return (features * factors.to(features.dtype).reshape(shape), *more)


def _find_heads(classifier: Classifier) -> list[nn.Linear]:
    """Return the last layers of a classifier: the linear layers with one output per class."""
    linear = [part for part in classifier.module.modules() if isinstance(part, nn.Linear)]
    return [part for part in linear if part.out_features == len(classifier.labels)]
