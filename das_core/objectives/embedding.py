"""What text and image objectives have in common: targets among a CLIP's embeddings, and how near views come to them."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.choices import check_choice
from ..common.text import truncate
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.clip import CLIP
from .base import BaseObjective

Similarity = Literal["cosine", "spherical"]

# Where the angle is nearly nothing its derivative by the cosine is infinite: closer than this is there.
_NEAREST = 1 - 1e-6


@dataclass(frozen=True)
class EmbeddingObjective(BaseObjective):
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
        check_choice("similarity", self.similarity, get_args(Similarity))
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
        scores = measure_similarity(output, self.targets.to(output), self.similarity)
        return scores @ output.new_tensor(self.weights)


def measure_similarity(embeddings: Tensor, targets: Tensor, kind: Similarity = "cosine") -> Tensor:
    """The similarity (V, K) of embeddings (V, D) to targets (K, D); only the targets must be of length 1."""
    cosines = F.normalize(embeddings, dim=1) @ targets.T
    if kind == "cosine":
        return cosines
    return -torch.acos(cosines.clamp(-_NEAREST, _NEAREST)).square() / 2


_LONGEST_NAME = 60


@dataclass(frozen=True)
class TextObjective(EmbeddingObjective):
    """The weighted similarity to some prompts. Make one with `from_text`."""

    prompts: tuple[str, ...] = ()

    @classmethod
    def from_text(
        cls, clip: CLIP, text: str, similarity: Similarity = "cosine", weight: float = 1.0
    ) -> "TextObjective":
        """Return the objective of prompts written as text.

        Prompts that the model has read before are not encoded again.

        Args:
            clip: the model to convince; it must have a text tower.
            text: a prompt a line, then optionally ': weight'; a negative weight keeps something away.
            similarity: what counts as near, see `EmbeddingObjective`.
            weight: how much the score counts.

        Raises:
            ValueError: a line cannot be understood, there is none, or the model does not read.

        Example:
            >>> from das_core import load_starter_clip
            >>> wish = TextObjective.from_text(load_starter_clip(), "a castle\\nwater: -0.5")
            >>> wish.prompts, wish.weights
            (('a castle', 'water'), (1.0, -0.5))
        """
        weights = parse_prompts(text)
        prompts = tuple(weights)
        name = truncate(", ".join(prompts), _LONGEST_NAME)
        return cls(clip, clip.encode_text(prompts), tuple(weights.values()), name, similarity, weight, prompts)


@dataclass(frozen=True)
class ImageObjective(EmbeddingObjective):
    """The similarity to the embeddings of some images. Make one with `from_images`."""

    @classmethod
    def from_images(
        cls, clip: CLIP, images: Tensor, similarity: Similarity = "cosine", weight: float = 1.0
    ) -> "ImageObjective":
        """Return the objective of looking like some images to a model.

        Args:
            clip: the model to convince.
            images: (B, 3, H, W), 0..1, each seen whole, as the model was trained to see images. Each counts fully: two
                pull twice as hard as one.
            similarity: what counts as near, see `EmbeddingObjective`.
            weight: how much the score counts.

        Raises:
            ValueError: the images are none, or nothing to the model.

        Example:
            >>> from das_core import load_starter_clip
            >>> aim = ImageObjective.from_images(load_starter_clip(), torch.rand(2, 3, 64, 64))
            >>> aim.name, tuple(aim.targets.shape)
            ('2 images', (2, 1280))
        """
        targets = clip.encode_images(images).cpu()
        name = "image" if len(targets) == 1 else f"{len(targets)} images"
        return cls(clip, targets, (1.0,) * len(targets), name, similarity, weight)


def parse_prompts(text: str) -> dict[str, float]:
    """Prompts and their weights from text: a prompt a line, then optionally ': weight'.

    One that is written twice has the sum of its weights. ValueError names the line that cannot be understood.
    """
    weights: dict[str, float] = {}
    for prompt, weight in parse_weighted_lines(text, "a prompt: 0.5', or end the line with ': 1", times=True):
        if not prompt:
            raise ValueError(f"a prompt before the weight {weight:g} is empty; write 'a prompt: {weight:g}'")
        weights[prompt] = weights.get(prompt, 0.0) + weight
    if not weights:
        raise ValueError("no prompt is given; write a prompt a line, such as 'a coral reef full of fish'")
    if not any(weights.values()):
        raise ValueError("the weights of the prompts sum to nothing, so there is nothing to climb; raise one above 0")
    return weights
