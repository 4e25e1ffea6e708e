"""What text and image objectives have in common: targets among a CLIP's embeddings, and how near views come to them."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.clip import CLIP
from .lines import check_weight

Similarity = Literal["cosine", "spherical"]

# Where the angle is nearly nothing its derivative by the cosine is infinite: closer than this is there.
_NEAREST = 1 - 1e-6


@dataclass(frozen=True)
class EmbeddingObjective:
    """The weighted sum of the similarities of a view's embedding to some targets (K, D), of length 1.

    `cosine` is the cosine of the angle between the two, -1..1. `spherical` is minus half the square of that angle, in
    radians, as in VQGAN-CLIP (Crowson et al., 2022): it pulls hardest at what is farthest away. A weight means what it
    says: the sum is not divided by the number of targets, so that one more does not weaken the others.
    """

    judge: CLIP
    targets: Tensor
    weights: tuple[float, ...]
    name: str
    similarity: Similarity = "cosine"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.similarity not in get_args(Similarity):
            raise ValueError(
                f"similarity '{self.similarity}' is unknown; choose one of {', '.join(get_args(Similarity))}"
            )
        if self.targets.ndim != 2 or not len(self.targets) or len(self.targets) != len(self.weights):
            raise ValueError(
                f"targets of the shape {tuple(self.targets.shape)} do not go with {len(self.weights)} weights; a "
                "target (K, D) for every weight is needed"
            )
        if self.targets.shape[1] != self.judge.width:
            raise ValueError(
                f"targets of {self.targets.shape[1]} numbers are not of {self.judge.name}, whose embeddings have "
                f"{self.judge.width}: embed them with the model that is asked"
            )
        for weight in self.weights:
            check_weight(weight, "a target")
        check_weight(self.weight, "the objective")
        if not any(self.weights):
            raise ValueError("the weights of all targets are 0, so there is nothing to climb; raise one above 0")

    def score(self, output: Tensor) -> Tensor:
        """The weighted similarities (V,) of embeddings (V, D) of any length."""
        scores = similarities(output, self.targets.to(output), self.similarity)
        return scores @ output.new_tensor(self.weights)


def similarities(embeddings: Tensor, targets: Tensor, kind: Similarity = "cosine") -> Tensor:
    """The similarity (V, K) of embeddings (V, D) to targets (K, D); only the targets must be of length 1."""
    cosines = F.normalize(embeddings, dim=1) @ targets.T
    if kind == "cosine":
        return cosines
    return -torch.acos(cosines.clamp(-_NEAREST, _NEAREST)).square() / 2
