"""What a judge says of crops, with its own weights or with others, and how far two answers are from each other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..models.classifier import Classifier
from ..models.judge import Judge

_FEATURES = 2.0  # The weight of the distance of the features beside the divergence of the probabilities.


@dataclass(frozen=True)
class Answer:
    """An answer for crops: the output (B, N), and the features (B, D) that the last layer of a classifier is given; of
    any other judge, the features are the output."""

    output: Tensor
    features: Tensor

    def split(self, size: int) -> list["Answer"]:
        """Return the answers for parts of the crops."""
        parts = zip(self.output.split(size), self.features.split(size), strict=True)
        return [Answer(output, features) for output, features in parts]


def find_head(judge: Judge) -> nn.Linear | None:
    """Return the last layer of a classifier: the last linear layer with an output for each class; None if none has."""
    if not isinstance(judge, Classifier):
        return None
    linear = [part for part in judge.module.modules() if isinstance(part, nn.Linear)]
    heads = [part for part in linear if part.out_features == len(judge.labels)]
    return heads[-1] if heads else None


def answer(judge: Judge, crops: Tensor, weights: Mapping[str, Tensor] | None = None) -> Answer:
    """Return what a judge answers to crops (B, 3, S, S), 0..1, with its own weights or with these in their place."""
    heard: list[Tensor] = []
    with _listening(find_head(judge), heard):
        raw = functional_call(judge.module, dict(weights or {}), (judge.preprocess(crops),))
    output = raw.flatten(1).float()
    return Answer(output, heard[-1].float() if heard else output)


def measure_loss(judge: Judge, learned: Answer, wanted: Answer, whole: Answer) -> Tensor:
    """Return how far answers are from those of the teacher: twice the squared distance of the features, relative to
    the sum of their squares in the `whole` batch; and for a classifier the Kullback-Leibler divergence of the
    probabilities, relative to the number of its crops. The losses of the parts of a batch add up to its loss."""
    size = whole.features.square().sum().clamp(min=1e-12)
    loss = _FEATURES * (learned.features - wanted.features).square().sum() / size
    if isinstance(judge, Classifier):
        logs, meant = learned.output.log_softmax(dim=1), wanted.output.log_softmax(dim=1)
        loss = loss + F.kl_div(logs, meant, reduction="sum", log_target=True) / len(whole.output)
    return loss


def count_same(judge: Judge, learned: Tensor, wanted: Tensor) -> int:
    """Return how many outputs (B, N) say the same: a classifier names the same class; an embedding is nearest to that
    of the same image, among all that are wanted."""
    if isinstance(judge, Classifier):
        return int((learned.argmax(dim=1) == wanted.argmax(dim=1)).sum())
    nearest = (F.normalize(learned, dim=1) @ F.normalize(wanted, dim=1).T).argmax(dim=1).cpu()
    return sum(found == number for number, found in enumerate(nearest.tolist()))


@contextmanager
def _listening(layer: nn.Linear | None, heard: list[Tensor]) -> Iterator[None]:
    """Put what a layer is given into a list while the block runs."""

    def hear(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        heard.append(inputs[0].flatten(1))

    handle = layer.register_forward_pre_hook(hear) if layer is not None else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()
