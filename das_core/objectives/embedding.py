"""Objectives in the embedding space of a CLIP: embeddings of views come nearer to those of given texts or images."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.choices import check_choice
from ..common.devices import keep_copy, make_constant
from ..common.images import Images
from ..common.text import truncate
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.clip import CLIP
from .answers import check_concepts, compare_with_judge, has_concepts
from .base import BaseObjective

ImageSimilarity = Literal["cosine", "spherical"]
"""The similarities that `ImageObjective.from_images` takes, see `EmbeddingObjective`."""

Similarity = Literal[ImageSimilarity, "log_probability"]
"""How near two embeddings are, see `EmbeddingObjective`."""

TextSimilarity = Literal["auto", Similarity]
"""The similarities that `TextObjective.from_text` takes; `auto` chooses one by the model."""

# The derivative of acos is infinite at 1 and -1, so cosines are clamped to a slightly smaller range.
_MAX_COSINE = 1 - 1e-6

_MAX_NAME_LENGTH = 60
"""The most characters in the name of a text objective."""


@dataclass(frozen=True, eq=False)
class EmbeddingObjective(BaseObjective):
    """The weighted sum of the similarities between the embedding of a view and some target embeddings.

    The sum is not divided by the number of targets, so an additional target does not weaken the others.

    Args:
        judge: the CLIP that embeds the views.
        targets: T embeddings (T, D), each of length 1.
        weights: the weight of every target in the sum. If it is below 0, the ascent moves away from the target.
        name: the name that the progress display, the history and error messages show.
        similarity: `cosine` is the cosine of the angle between two embeddings, -1..1. `spherical` is minus half the
            square of that angle in radians, -4.93..0, as in VQGAN-CLIP (Crowson et al., 2022): the larger the angle to
            a target is, the larger is the gradient. `log_probability` adds to the cosine a comparison of the things
            that the model recognises in the view and in the target, see `answers.compare_answers`; it is 1 at most, is
            made for targets that are texts, and needs a judge that has `CLIP.concepts`.
        weight: the weight of the objective, see `Objective.weight`.

    Raises:
        ValueError: when there is not one weight for each target; the targets do not have as many numbers as the
            embeddings of the judge; a weight is not finite or too large; the weights of all targets are 0; there is no
            such similarity; or the judge has no concepts for `log_probability`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP
        >>> from das_core.objectives import EmbeddingObjective
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("mean colour", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3)
        >>> objective = EmbeddingObjective(clip, torch.eye(3)[:1], weights=(1.0,), name="red")
        >>> objective.score(torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.3, 0.4]]))
        tensor([1., 0.])
    """

    judge: CLIP
    targets: Tensor = field(repr=False)
    weights: tuple[float, ...]
    name: str
    similarity: Similarity = "cosine"
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice("similarity", self.similarity, get_args(Similarity))
        if self.targets.ndim != 2 or not len(self.targets) or len(self.targets) != len(self.weights):
            raise ValueError(
                f"targets of the shape {tuple(self.targets.shape)} do not go with {len(self.weights)} weights; a "
                "target (T, D) for every weight is needed"
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
        if self.similarity == "log_probability":
            check_concepts(self.judge)

    def terms(self) -> tuple["EmbeddingObjective", ...]:
        """Return an objective for each model of the judge: several if the judge is an ensemble, else one.

        The targets of each objective are the parts of the targets that belong to its model. The weight is divided
        equally among the objectives.
        """
        members = self.judge.members
        return tuple(
            replace(self, judge=member, targets=targets, weight=self.weight / len(members))
            for member, targets in zip(members, self.judge.split(self.targets), strict=True)
        )

    def score(self, output: Tensor) -> Tensor:
        """Return the score of every view.

        Args:
            output: embeddings (V, D); they need not have length 1.

        Returns:
            For each view the weighted sum of its similarities to the targets, (V,).
        """
        targets = keep_copy(self.targets, output)
        if self.similarity == "log_probability":
            scores = compare_with_judge(self.judge, output, targets)
        else:
            scores = measure_similarity(output, targets, self.similarity)
        return scores @ make_constant(self.weights, output.dtype, output.device)


def measure_similarity(embeddings: Tensor, targets: Tensor, kind: ImageSimilarity = "cosine") -> Tensor:
    """Return how near embeddings are to targets.

    Args:
        embeddings: V embeddings (V, D), which need not have length 1.
        targets: T embeddings (T, D), each of length 1.
        kind: the measure, see `EmbeddingObjective`.

    Returns:
        (V, T): -1..1 for `cosine`, -4.93..0 for `spherical`; larger is nearer.

    Example:
        >>> import torch
        >>> measure_similarity(torch.tensor([[3.0, 4.0]]), torch.eye(2))
        tensor([[0.6000, 0.8000]])
    """
    cosines = F.normalize(embeddings, dim=1) @ targets.T
    if kind == "cosine":
        return cosines
    return -torch.acos(cosines.clamp(-_MAX_COSINE, _MAX_COSINE)).square() / 2


@dataclass(frozen=True, eq=False)
class TextObjective(EmbeddingObjective):
    """The weighted sum of the similarities between a view and some prompts. Make one with `from_text`.

    Args:
        judge: the CLIP that embeds the views; the other arguments are those of `EmbeddingObjective`.
        prompts: the texts whose embeddings are the targets.

    Example:
        A toy model replaces `load_starter_clip()`, which takes seconds to load.

        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP, TextObjective
        >>> from das_core.models import TextTower
        >>> text = TextTower(lambda text: torch.tensor([text.count("a"), 1.0, 1.0]), len, context_length=77)
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("toy", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3, text=text)
        >>> objective = TextObjective.from_text(clip, "a castle\\nwater: -0.5")
        >>> objective.prompts, objective.weights, tuple(objective.targets.shape)
        (('a castle', 'water'), (1.0, -0.5), (2, 3))
    """

    prompts: tuple[str, ...] = ()

    @classmethod
    def from_text(
        cls, clip: CLIP, text: str, similarity: TextSimilarity = "auto", weight: float = 1.0
    ) -> "TextObjective":
        """Return the objective of prompts that are written as text.

        Prompts whose embeddings the model has cached are not encoded again.

        Args:
            clip: the judge; it must have a text tower.
            text: one prompt per line, optionally followed by ': weight', see `parse_prompts`. A weight below 0 keeps
                what the prompt describes out of the picture.
            similarity: how near two embeddings are, see `EmbeddingObjective`. `auto` is `log_probability` if the model
                has `CLIP.concepts`, as a starter CLIP has, else `cosine`.
            weight: the weight of the objective, see `Objective.weight`.

        Raises:
            ValueError: when `parse_prompts` cannot read the text, the model has no text tower, the embedding of a
                prompt is zero or not finite, `weight` is not finite or too large, there is no such similarity, or the
                model has no concepts for `log_probability`.
        """
        weights = parse_prompts(text)
        prompts = tuple(weights)
        check_choice("similarity", similarity, get_args(TextSimilarity))
        if similarity == "auto":
            similarity = "log_probability" if has_concepts(clip) else "cosine"
        if similarity == "log_probability":
            # Before the prompts are encoded, which can take long.
            check_concepts(clip)
        name = truncate(", ".join(prompts), _MAX_NAME_LENGTH)
        return cls(clip, clip.encode_text(prompts), tuple(weights.values()), name, similarity, weight, prompts)


@dataclass(frozen=True, eq=False)
class ImageObjective(EmbeddingObjective):
    """The sum of the similarities between a view and some images. Make one with `from_images`.

    The arguments are those of `EmbeddingObjective`; the targets are the embeddings of the images.

    Example:
        A toy model replaces `load_starter_clip()`, which takes seconds to load.

        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP, ImageObjective
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("toy", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3)
        >>> images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> objective = ImageObjective.from_images(clip, images)
        >>> objective.name, tuple(objective.targets.shape)
        ('2 images', (2, 3))
    """

    @classmethod
    def from_images(
        cls, clip: CLIP, images: Images, similarity: ImageSimilarity = "cosine", weight: float = 1.0
    ) -> "ImageObjective":
        """Return the objective that makes views resemble some images.

        Args:
            clip: the judge.
            images: (B, 3, H, W), 0..1, on the CPU or the device of the judge, or another form of `Images`. Each becomes
                a square as in the training of the model (`CLIP.fit`; most models see only the middle of an oblong
                image) and is embedded. Each has the weight 1: the score is a sum over the images.
            similarity: how near two embeddings are, see `EmbeddingObjective`.
            weight: the weight of the objective, see `Objective.weight`.

        Raises:
            ValueError: when the images are in none of the forms of `Images` or are not finite, an embedding is zero or
                not finite, `weight` is not finite or too large, or there is no such similarity.
        """
        check_choice("similarity", similarity, get_args(ImageSimilarity))
        targets = clip.encode_images(images).cpu()
        name = "image" if len(targets) == 1 else f"{len(targets)} images"
        return cls(clip, targets, (1.0,) * len(targets), name, similarity, weight)


def parse_prompts(text: str) -> dict[str, float]:
    """Read prompts and their weights from text.

    Args:
        text: one prompt per line. A line may give a weight, as in 'a prompt: weight' or '(a prompt:weight)'; without
            one the weight is 1. A colon that is not followed by a number belongs to the prompt: 'poster: a castle'. So
            does a colon between two digits: 'a clock at 10:30'. Blank lines are skipped.

    Returns:
        Weights by prompt, in the order of the text. A prompt that is written twice has the sum of its weights.

    Raises:
        ValueError: when a weight is not finite, too large or has a decimal comma, a prompt is empty, there is no
            prompt, or the weights of all prompts are 0.

    Example:
        >>> parse_prompts("poster: a castle\\nwater: -0.5")
        {'poster: a castle': 1.0, 'water': -0.5}
    """
    weights: dict[str, float] = {}
    for prompt, weight in parse_weighted_lines(text, times=True):
        if not prompt:
            raise ValueError(f"a prompt before the weight {weight:g} is empty; write 'a prompt: {weight:g}'")
        weights[prompt] = weights.get(prompt, 0.0) + weight
    if not weights:
        raise ValueError("no prompt is given; write a prompt a line, such as 'a coral reef full of fish'")
    if not any(weights.values()):
        raise ValueError("the weights of the prompts sum to nothing, so there is nothing to climb; raise one above 0")
    return weights
