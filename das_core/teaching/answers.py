"""What a judge says of crops, with its own weights or with others; how far two answers are from each other; and the
changes of crops that mislead a judge most, which it learns to see through."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..common.own_thread import hearing_own_thread
from ..models.classifier import Classifier
from ..models.judge import Judge

_FEATURES = 2.0  # The weight of the distance of the features beside the divergence of the probabilities.
_STEPS = 2  # Of `mislead`.
_FIRST = 0.3  # The length of the drawn change from which they start, and
_REACH = 1.5  # the length of all steps, relative to the most that a change may have.


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

    def hear(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        heard.append(inputs[0].flatten(1))

    with ExitStack() as hooks:
        if (head := find_head(judge)) is not None:
            hooks.enter_context(hearing_own_thread(head.register_forward_pre_hook, hear))
        raw = functional_call(judge.module, dict(weights or {}), (judge.preprocess(crops),))
    output = raw.flatten(1).float()
    return Answer(output, heard[-1].float() if heard else output)


def measure_loss(judge: Judge, learned: Answer, wanted: Answer, whole: Answer) -> Tensor:
    """Return how far answers are from those of the teacher, in features and, for a classifier, in probabilities,
    relative to the `whole` batch, so that the losses of its parts add up to its loss."""
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


def mislead(
    judge: Judge, crops: Tensor, wanted: Answer, weights: Mapping[str, Tensor], lengths: Tensor, drawn: Tensor
) -> Tensor:
    """Return crops (B, 3, S, S), each changed so that the answer by these weights is far from the one that is wanted,
    along the gradient of the loss (Madry et al., 2018, arXiv 1706.06083, under the Euclidean norm). Each change has at
    most its length of `lengths` (B,), and starts from those that are `drawn`, of the shape of the crops."""
    fixed = {name: weight.detach() for name, weight in weights.items()}
    most = lengths[:, None, None, None]
    change = _FIRST * most * (drawn / _measure(drawn))
    for _ in range(_STEPS):
        change.requires_grad_()
        (gradient,) = torch.autograd.grad(
            measure_loss(judge, answer(judge, crops + change, fixed), wanted, wanted), change
        )
        change = change.detach() + _REACH / _STEPS * most * (gradient / _measure(gradient))
        change = change * (most / _measure(change)).clamp(max=1)
    return crops + change


def _measure(changes: Tensor) -> Tensor:
    """Return the lengths of changes (B, 3, S, S), (B, 1, 1, 1), above 0."""
    return changes.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
