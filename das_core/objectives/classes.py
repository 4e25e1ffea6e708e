"""The objective that makes a classifier see some classes in an image."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import make_constant
from ..common.text import shorten, unify_colons
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.class_entries import find_classes
from ..models.classifier import Classifier
from ..models.judge import Judge, check_judge
from ..models.labels import Labels, UnknownClassError
from ..models.photograph_check import log_misreading
from .objective import Objective, make_objective, question
from .term import join_names

ScoreKind = Literal["logit", "log_probability", "margin", "share"]
Targets = int | str | Sequence[int | str | tuple[int | str, float]]


@question
def classes(judge: Judge, targets: Targets, score: ScoreKind = "log_probability") -> Objective:
    """Ask a classifier for classes: the score is the weighted sum of theirs. An ensemble divides the views.

    Args:
        targets: an index, a text (`parse_classes`), a list of indices and names, or pairs of one of these and a weight.
            A weight below 0 lowers the score of its class.
        score: `log_probability` is the logarithm of the softmax: its gradient vanishes for views in which the model is
            sure, so the picture shows one whole subject. `logit` is the output of the model, as in Direct Ascent
            Synthesis (arXiv 2502.07753): every view adds more of the class, and parts of it appear everywhere. `margin`
            is the logit minus the largest logit of the other classes. `share` is the logit plus twice the
            log-probability, for films: between two keyframes each class gets a share that is as large as its weight.

    Example:
        >>> import direct_ascent as da
        >>> objective = da.classes([(107, 1.0), (1, -0.5)], "margin").on(da.load_starter())
        >>> objective.name, objective.terms[0].score
        ('jellyfish, goldfish', ClassScore(targets=((107, 1.0), (1, -0.5)), kind='margin'))
    """
    judge = check_judge(judge, Classifier, "knows no classes; ask it for a layer, or load a classifier")
    log_misreading(judge)
    labels = judge.labels
    chosen = _read_targets(targets, labels)
    check_choice("score", score, get_args(ScoreKind))
    if not chosen:
        raise ValueError("no class is given; write a class a line, such as 'jellyfish' or 'jellyfish: 0.5'")
    for index, share in chosen:
        labels.find(shorten(index))  # Raises an error if the index is out of range.
        check_weight(share, f"class {index}")
    if not any(share for _, share in chosen):
        raise ValueError("the weights of all classes are 0, so there is nothing to climb; raise one above 0")
    if score == "margin" and len({index for index, _ in chosen}) == len(labels):
        raise ValueError("score 'margin' needs a class that is not asked for; leave one out or choose 'logit'")
    kind = ClassScore(chosen, score)
    name = join_names([labels.name(index) for index, _ in chosen])
    return make_objective(name, [(member, kind) for member in judge.members], describe=kind.describe)


@dataclass(frozen=True)
class ClassScore:
    """The weighted sum of the scores of some classes; `targets` are pairs of a class index and a weight."""

    targets: tuple[tuple[int, float], ...]
    kind: ScoreKind

    def __call__(self, output: Tensor, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), from logits (V, classes)."""
        classes, shares = zip(*self.targets, strict=True)
        indices = make_constant(classes, torch.int64, output.device)
        weights = make_constant(shares, output.dtype, output.device)
        if self.kind == "log_probability":
            output = output.log_softmax(dim=1)
        elif self.kind == "share":
            # The gradient at the logits is w + 2 (w - p) if the weights w of all classes of a frame add up to 1.
            output = output + 2 * output.log_softmax(dim=1)
        scores = output[:, indices]
        if self.kind == "margin":
            rivals = output.index_fill(1, indices, -torch.inf)
            scores = scores - rivals.amax(dim=1, keepdim=True)
        return scores @ weights

    def describe(self, score: float) -> str:
        """Return a score as text; the log-probability of a single class as a probability, '81%', others not."""
        (_, weight), *others = self.targets
        if self.kind == "log_probability" and not others and weight > 0 and not math.isnan(score):
            return f"{math.exp(min(score / weight, 0)):.0%}"
        return ""


def _read_targets(targets: Any, labels: Labels) -> tuple[tuple[int, float], ...]:
    """Convert targets, in any form that `classes` accepts, to pairs of an index and a weight."""
    if isinstance(targets, str):
        return parse_classes(targets, labels)
    pairs = []
    for entry in targets if isinstance(targets, Sequence) else [targets]:
        index, weight = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, 1.0)
        if isinstance(index, str):
            index = labels.find(index)
        try:
            # Integers of NumPy and integer tensors with one element are indices, too.
            pairs.append((operator.index(index), float(weight)))
        except (TypeError, ValueError):
            raise ValueError(
                f"class {shorten(entry)} is neither an index nor a name; write 107, 'jellyfish', or a list of these"
            ) from None
    return tuple(pairs)


def parse_classes(text: str, labels: Labels) -> tuple[tuple[int, float], ...]:
    """Read pairs of a class index and a weight from lines 'name, index, WordNet id or all KIND: weight'."""
    targets: dict[int, float] = {}
    for line, weight in parse_weighted_lines(text):
        try:
            entries = find_classes(labels, line)
        except UnknownClassError as error:
            # What follows a colon in the name may have been meant as a weight.
            hint = "; a weight is one number at the end of a line, as in 'jellyfish: 0.5'"
            raise UnknownClassError(f"{error}{hint if ':' in unify_colons(line) else ''}") from None
        for entry in entries:
            for index in entry:
                targets[index] = targets.get(index, 0.0) + weight / len(entries) / len(entry)
    return tuple(targets.items())
