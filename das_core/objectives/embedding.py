"""Objectives in the embedding space of a CLIP: embeddings of views come nearer to those of given texts or images."""

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

    The sum is not divided by the number of prompts, so an additional prompt does not weaken the others. Prompts whose
    embeddings the model has cached are not encoded again.

    Args:
        clip: the judge, a `CLIP` with a text tower. An ensemble of CLIPs divides the views.
        text: one prompt per line, optionally followed by ': weight', see `parse_prompts`. A weight below 0 keeps
            what the prompt describes out of the picture.
        similarity: how near two embeddings are. `cosine` is the cosine of the angle between them, -1..1. `spherical`
            is minus half the square of that angle in radians, -4.93..0, as in VQGAN-CLIP (Crowson et al., 2022): the
            larger the angle to a target is, the larger is the gradient. `log_probability` adds to the cosine a
            comparison of the things that the model recognises in the view and in the prompt, see
            `answers.compare_answers`; it is 1 at most, and needs a judge with `CLIP.concepts`. `auto` is
            `log_probability` if the model has concepts, as a starter CLIP has, else `cosine`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the judge is no CLIP, `parse_prompts` cannot read the text, the model has no text tower, the
            embedding of a prompt is zero or not finite, `weight` is not finite or too large, there is no such
            similarity, or the model has no concepts for `log_probability`.

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
    """Return the objective that makes views resemble some images: the sum of the similarities to each of them.

    Args:
        clip: the judge, a `CLIP`.
        images: (B, 3, H, W), 0..1, on the CPU or the device of the judge, or another form of `Images`. Each becomes
            a square as in the training of the model (`CLIP.fit`; most models see only the middle of an oblong
            image) and is embedded. Each has the weight 1: the score is a sum over the images.
        similarity: how near two embeddings are, see `text_objective`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the judge is no CLIP, the images are in none of the forms of `Images` or are not finite, an
            embedding is zero or not finite, `weight` is not finite or too large, or there is no such similarity.

    Example:
        A toy model replaces `load_starter_clip()`, which takes seconds to load.

        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP, image_objective
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("toy", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3)
        >>> images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> objective = image_objective(clip, images)
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
    """Return the objective of embeddings: the weighted sum of the similarities between a view and each of them.

    Args:
        clip: the CLIP that embeds the views. If it is an ensemble, each member gets its part of the targets.
        targets: T embeddings (T, D), each of length 1.
        weights: the weight of every target in the sum; below 0 the ascent moves away from the target.
        name: the name that the progress display, the history and error messages show.
        similarity: how near two embeddings are, see `text_objective`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when there is not one weight for each target; the targets do not have as many numbers as the
            embeddings of the judge; a weight is not finite or too large; the weights of all targets are 0; there is no
            such similarity; or the judge has no concepts for `log_probability`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from das_core import CLIP
        >>> from das_core.objectives import embedding_objective
        >>> mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> clip = CLIP("mean colour", mean_colour, size=8, mean=(0.0,) * 3, std=(1.0,) * 3, width=3)
        >>> objective = embedding_objective(clip, torch.eye(3)[:1], (1.0,), "red")
        >>> objective.terms[0].score(torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.3, 0.4]]), torch.tensor([0, 0]))
        tensor([1., 0.])
    """
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
    """Return how near embeddings are to targets.

    Args:
        embeddings: V embeddings (V, D), which need not have length 1.
        targets: T embeddings (T, D), each of length 1.
        kind: the measure, see `text_objective`.

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
