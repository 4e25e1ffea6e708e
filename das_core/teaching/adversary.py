"""The changes of crops that mislead a judge most, which it learns to see through."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..models.judge import Judge
from .answers import Answer, answer, measure_loss

_STEPS = 2
_FIRST = 0.3  # The length of the drawn change from which they start, and
_REACH = 1.5  # the length of all steps, relative to the most that a change may have.


def mislead(
    judge: Judge, crops: Tensor, wanted: Answer, weights: Mapping[str, Tensor], lengths: Tensor, drawn: Tensor
) -> Tensor:
    """Return crops (B, 3, S, S), each changed so that the answer by these weights is far from the one that is wanted.

    The changes are found by steps along the gradient of the loss (Madry et al., 2018, arXiv 1706.06083, under the
    Euclidean norm): each has at most its length of `lengths` (B,), and starts from those that are `drawn`, of the shape
    of the crops.
    """
    fixed = {name: weight.detach() for name, weight in weights.items()}
    most = lengths[:, None, None, None]
    change = _FIRST * most * _scale(drawn)
    for _ in range(_STEPS):
        change.requires_grad_()
        (gradient,) = torch.autograd.grad(
            measure_loss(judge, answer(judge, crops + change, fixed), wanted, wanted), change
        )
        change = change.detach() + _REACH / _STEPS * most * _scale(gradient)
        change = change * (most / _measure(change)).clamp(max=1)
    return crops + change


def _measure(changes: Tensor) -> Tensor:
    """Return the lengths of changes (B, 3, S, S), (B, 1, 1, 1), above 0."""
    return changes.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]


def _scale(changes: Tensor) -> Tensor:
    """Return changes of length 1."""
    return changes / _measure(changes)
