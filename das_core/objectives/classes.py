"""Make an image look like a class, to a classifier."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.classifier import Classifier
from ..models.labels import Labels
from .base import BaseObjective

Score = Literal["logit", "log_probability", "margin"]


@dataclass(frozen=True)
class ClassObjective(BaseObjective):
    """The score of some classes, each with a signed weight.

    `logit`: the model's raw score, the reference. `log_probability`: also pushes all other classes down, and stops
    pulling once the model is sure. `margin`: the logit less that of the best class that is not asked for.
    """

    judge: Classifier
    targets: tuple[tuple[int, float], ...]
    kind: Score = "logit"
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice("score", self.kind, get_args(Score))
        if not self.targets:
            raise ValueError("no class is given; write at least one, such as 'jellyfish'")
        for index, weight in self.targets:
            self.judge.labels.find(str(index))
            check_weight(weight, f"class {index}")
        check_weight(self.weight, "the objective")
        if self.kind == "margin" and len({index for index, _ in self.targets}) == len(self.judge.labels):
            raise ValueError("score 'margin' needs a class that is not asked for; leave one out or choose 'logit'")

    @classmethod
    def from_text(
        cls, classifier: Classifier, text: str, score: Score = "logit", weight: float = 1.0
    ) -> "ClassObjective":
        """Return the objective of classes written as text.

        Args:
            classifier: the model to convince.
            text: a class a line, see `parse_classes`.
            score: what counts.
            weight: how much the score counts.

        Raises:
            ValueError: a class is unknown to the classifier, or a weight is no number.
        """
        return cls(classifier, parse_classes(text, classifier.labels), score, weight)

    @property
    def name(self) -> str:
        """The names of its classes."""
        return ", ".join(self.judge.labels.name(index) for index, _ in self.targets)

    def score(self, output: Tensor) -> Tensor:
        """The weighted scores (V,) of logits (V, classes)."""
        indices = torch.tensor([index for index, _ in self.targets], device=output.device)
        weights = output.new_tensor([weight for _, weight in self.targets])
        if self.kind == "log_probability":
            output = output.log_softmax(dim=1)
        scores = output[:, indices]
        if self.kind == "margin":
            rivals = output.index_fill(1, indices, -torch.inf)
            scores = scores - rivals.amax(dim=1, keepdim=True)
        return scores @ weights


def parse_classes(text: str, labels: Labels) -> tuple[tuple[int, float], ...]:
    """Classes and weights from text: a class a line (name, WordNet id or index), then optionally ': weight'.

    A class that is named twice has the sum of its weights. ValueError names the line that cannot be understood.
    """
    targets: dict[int, float] = {}
    for name, weight in parse_weighted_lines(text, "name: 0.5"):
        index = labels.find(name)
        targets[index] = targets.get(index, 0.0) + weight
    if not targets:
        raise ValueError("no class is given; write a class a line, such as 'jellyfish' or 'jellyfish: 0.5'")
    if not any(targets.values()):
        raise ValueError("the weights of the classes sum to nothing, so there is nothing to climb; raise one above 0")
    return tuple(targets.items())
