"""Objectives in the embedding space of a CLIP: views come nearer to texts or images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.choices import check_choice
from ..common.devices import keep_copy, make_constant
from ..common.images import Images
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from .answers import check_concepts, compare_answers, has_concepts
from .term import Objective, join_names, make_objective

ImageSimilarity = Literal["cosine", "spherical"]
"""The similarities that `image_objective` takes, see `text_objective`."""

Similarity = Literal[ImageSimilarity, "log_probability"]
"""How near two embeddings are, see `text_objective`."""

TextSimilarity = Literal["auto", Similarity]
"""The similarities that `text_objective` takes; `auto` chooses one by the model."""

# The derivative of acos is infinite at 1 and -1, so cosines are clamped to a slightly smaller range.
_MAX_COSINE = 1 - 1e-6


def text_objective(clip: Judge, text: str, similarity: TextSimilarity = "auto", weight: float = 1.0) -> Objective:
    """Return the objective of prompts: the weighted sum of the similarities between a view and each of them.

    Args:
        clip: a `CLIP` with a text tower. An ensemble of CLIPs divides the views.
        text: one prompt per line, optionally followed by ': weight', see `parse_prompts`. A weight below 0 keeps what
            the prompt describes out of the picture.
        similarity: `cosine`, -1..1. `spherical`: minus half the square of the angle in radians, -4.93..0, as in
            VQGAN-CLIP (Crowson et al., 2022); its gradient grows with the angle. `log_probability`: the cosine and a
            comparison of the things that the model recognises, at most 1 (`answers.compare_answers`); it needs
            `CLIP.concepts`. `auto`: `log_probability` if the model has concepts, as a starter CLIP has, else `cosine`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the judge is no CLIP or cannot read text, a prompt or weight cannot be used, or there is no
            such similarity.

    Example:
        A toy model replaces `load_starter_clip()`, which takes seconds to load.

        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP, text_objective
        >>> from das_core.models import TextTower
        >>> text = TextTower(lambda text: torch.tensor([text.count("a"), 1.0, 1.0]), len, context_length=77)
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("toy", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3, text=text)
        >>> objective = text_objective(clip, "a castle\\nwater: -0.5")
        >>> objective.name, objective.terms[0].score.weights
        ('a castle, water', (1.0, -0.5))
    """
    clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
    weights = parse_prompts(text)
    prompts = tuple(weights)
    check_choice("similarity", similarity, get_args(TextSimilarity))
    if similarity == "auto":
        similarity = "log_probability" if has_concepts(clip) else "cosine"
    if similarity == "log_probability":
        # Before the prompts are encoded, which can take long.
        check_concepts(clip)
    name = join_names(prompts)
    return embedding_objective(clip, clip.encode_text(prompts), tuple(weights.values()), name, similarity, weight)


def image_objective(
    clip: Judge, images: Images, similarity: ImageSimilarity = "cosine", weight: float = 1.0
) -> Objective:
    """Return the objective that makes views resemble images: the sum of the similarities to each of them.

    Args:
        clip: the judge, a `CLIP`.
        images: see `Images`, of any size; each becomes a square as in the training of the model (`CLIP.fit`).
        similarity: see `text_objective`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the judge is no CLIP, the images are none, or there is no such similarity.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP, image_objective
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("toy", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3)
        >>> objective = image_objective(clip, torch.rand(2, 3, 16, 16))
        >>> objective.name, tuple(objective.terms[0].score.targets.shape)
        ('2 images', (2, 3))
    """
    clip = check_judge(clip, CLIP, "embeds no images; load a CLIP, as `load_starter_clip()` does")
    check_choice("similarity", similarity, get_args(ImageSimilarity))
    targets = clip.encode_images(images).cpu()
    name = "image" if len(targets) == 1 else f"{len(targets)} images"
    return embedding_objective(clip, targets, (1.0,) * len(targets), name, similarity, weight)


def embedding_objective(
    clip: CLIP,
    targets: Tensor,
    weights: Sequence[float],
    name: str,
    similarity: Similarity = "cosine",
    weight: float = 1.0,
) -> Objective:
    """Return the objective of targets (T, D) of length 1: the weighted sum of the similarities of a view to them."""
    check_choice("similarity", similarity, get_args(Similarity))
    if targets.ndim != 2 or not len(targets) or len(targets) != len(weights):
        raise ValueError(
            f"targets of the shape {tuple(targets.shape)} do not go with {len(weights)} weights; a target (T, D) for "
            "every weight is needed"
        )
    if targets.shape[1] != clip.width:
        raise ValueError(
            f"targets of {targets.shape[1]} numbers are not of {clip.name}, whose embeddings have {clip.width}: embed "
            "them with the model that is asked"
        )
    for share in weights:
        check_weight(share, "a target")
    if not any(weights):
        raise ValueError("the weights of all targets are 0, so there is nothing to climb; raise one above 0")
    if similarity == "log_probability":
        check_concepts(clip)
    asked = [
        (member, EmbeddingScore(member, part, tuple(weights), similarity))
        for member, part in zip(clip.members, clip.split(targets), strict=True)
    ]
    return make_objective(name, asked, weight)


@dataclass(frozen=True, eq=False)
class EmbeddingScore:
    """The weighted sum of the similarities to some embeddings; the fields are arguments of `embedding_objective`."""

    clip: CLIP
    targets: Tensor = field(repr=False)
    weights: tuple[float, ...]
    similarity: Similarity = "cosine"

    def __call__(self, output: Tensor, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), from embeddings (V, D), which need not have length 1."""
        targets = keep_copy(self.targets, output)
        if self.similarity == "log_probability":
            assert self.clip.concepts is not None
            scores = compare_answers(output, targets, keep_copy(self.clip.concepts, output).detach())
        else:
            scores = measure_similarity(output, targets, self.similarity)
        return scores @ make_constant(self.weights, output.dtype, output.device)


def measure_similarity(embeddings: Tensor, targets: Tensor, kind: ImageSimilarity = "cosine") -> Tensor:
    """Return how near (V, T) embeddings (V, D) are to targets (T, D) of length 1, see `text_objective`; larger is
    nearer."""
    cosines = F.normalize(embeddings, dim=1) @ targets.T
    if kind == "cosine":
        return cosines
    return -torch.acos(cosines.clamp(-_MAX_COSINE, _MAX_COSINE)).square() / 2


def parse_prompts(text: str) -> dict[str, float]:
    """Read prompts and their weights from lines 'prompt', 'prompt: weight' or '(prompt:weight)'; equal ones add up."""
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
