"""Objectives in the space of embeddings, of a CLIP or of any layer: views come nearer to texts, images or vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.choices import check_choice
from ..common.devices import keep_copy, make_constant
from ..common.images import Images
from ..common.weighted_lines import parse_weighted_lines
from ..models.clip import CLIP
from ..models.embedder import Embedder, check_embedding
from ..models.judge import Judge, check_judge
from ..models.layers.pooled_layer import pool_layer
from .objective import Objective, make_objective, question
from .term import join_names

ImageSimilarity = Literal["cosine", "spherical"]
Similarity = Literal[ImageSimilarity, "log_probability"]
TextSimilarity = Literal["auto", Similarity]

# The derivative of acos is infinite at 1 and -1, so cosines are clamped to a slightly smaller range.
_MAX_COSINE = 1 - 1e-6

# Of the answers about a view and about a prompt. That of the prompt is lower, because its cosines differ less: the
# embedding of a prompt was fitted to the mean direction of several classes.
_VIEW_TEMPERATURE, _TEXT_TEMPERATURE = 0.05, 0.03
_DIVERGENCE_WEIGHT = 3 * _VIEW_TEMPERATURE


@question
def text(judge: Judge, prompt: str, similarity: TextSimilarity = "auto") -> Objective:
    """Ask a CLIP for what prompts describe: the weighted sum of the similarities between a view and each of them. An
    ensemble of CLIPs divides the views.

    Args:
        prompt: one prompt per line, optionally followed by ': weight'; one below 0 keeps the thing out of the picture.
        similarity: `cosine`, -1..1. `spherical`: minus half the square of the angle in radians, -4.93..0, as in
            VQGAN-CLIP (Crowson et al., 2022); its gradient grows with the angle. `log_probability`: the cosine and a
            comparison of the things that the model recognises, at most 1 (`compare_answers`); it needs
            `CLIP.concepts`. `auto`: `log_probability` if the model has concepts, as a starter CLIP has, else `cosine`.
    """
    clip = check_judge(judge, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
    weights = parse_prompts(prompt)
    prompts = tuple(weights)
    check_choice("similarity", similarity, get_args(TextSimilarity))
    if similarity == "auto":
        known = all(member.concepts is not None for member in clip.members)
        similarity = "log_probability" if known else "cosine"
    if similarity == "log_probability":
        check_concepts(clip)  # Before the prompts are encoded, which can take long.
    name = join_names(prompts)
    return _make_objective(clip, clip.encode_text(prompts), tuple(weights.values()), name, similarity)


@question
def image(judge: Judge, photo: Images, layer: str = "", similarity: ImageSimilarity = "cosine") -> Objective:
    """Ask for what is like a `photo`, wherever things are in it, or like several: the sum of the similarities to each.
    Photographs are added and subtracted: `image(dog) + image(snow) - image(grass)`.

    Args:
        photo: see `Images`, of any size; each becomes a square as in the training of the model (`Embedder.fit`). A
            model that is no `Embedder`, such as a CLIP, is asked for the features of a layer (`pool_layer`).
        layer: the layer whose features, averaged over all positions, are compared; if empty, the embeddings.
        similarity: see `text`.
    """
    check_choice("similarity", similarity, get_args(ImageSimilarity))
    embedder = pool_layer(judge, layer)
    targets = embedder.encode_images(photo).cpu()
    name = "image" if len(targets) == 1 else f"{len(targets)} images"
    return _make_objective(embedder, targets, (1.0,) * len(targets), name, similarity)


@question
def embedding(
    judge: Judge,
    vector: Tensor | np.ndarray[Any, Any] | Sequence[Any],
    layer: str = "",
    similarity: ImageSimilarity = "cosine",
) -> Objective:
    """Ask for an embedding near to a `vector` of the model's own space, or to several: the sum of the similarities.

    Args:
        vector: a vector (D,), or several (T, D), of any length, as `Embedder.encode_images`, `CLIP.encode_text` or
            sums of what they return are.
        layer: see `image`.
        similarity: see `text`.

    Raises:
        ValueError: when a vector has another width, is zero, or has values that are not finite.

    Example:
        >>> import direct_ascent as da
        >>> clip = da.load_starter_clip()
        >>> cat, night, day = clip.encode_text(["a cat", "night", "day"])
        >>> da.embedding(cat + night - day).on(clip)
        Objective('embedding')
    """
    check_choice("similarity", similarity, get_args(ImageSimilarity))
    embedder = pool_layer(judge, layer)
    vectors = _read_vectors(vector, embedder)
    name = "embedding" if len(vectors) == 1 else f"{len(vectors)} embeddings"
    return _make_objective(embedder, vectors, (1.0,) * len(vectors), name, similarity)


def _read_vectors(given: Any, embedder: Embedder) -> Tensor:
    """Return vectors (T, D) of length 1 on the CPU, or raise a ValueError."""
    try:
        vectors = torch.as_tensor(given).detach().to_dense().to("cpu", torch.float32)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        vectors = torch.zeros(0)
    vectors = vectors[None] if vectors.ndim == 1 else vectors
    if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != embedder.width:
        found = f"of shape {tuple(given.shape)}" if hasattr(given, "shape") else f"a {type(given).__name__}"
        raise ValueError(
            f"the target is {found}, and {embedder.name} embeds in {embedder.width} numbers; give a tensor "
            f"({embedder.width},) or (T, {embedder.width}), such as its encode_images returns, or a layer as wide"
        )
    for number, vector in enumerate(vectors, start=1):
        check_embedding(vector, f"vector {number}", embedder.name)
    return F.normalize(vectors, dim=1)


def _make_objective(
    embedder: Embedder, targets: Tensor, weights: Sequence[float], name: str, similarity: Similarity
) -> Objective:
    """Return the objective of targets (T, D) of length 1: the weighted sum of the similarities of a view to them."""
    asked = [
        (member, EmbeddingScore(part, tuple(weights), similarity, getattr(member, "concepts", None)))
        for member, part in zip(embedder.members, embedder.split(targets), strict=True)
    ]
    return make_objective(name, asked)


@dataclass(frozen=True, eq=False)
class EmbeddingScore:
    """The weighted sum of the similarities to some embeddings, for `log_probability` with the concepts of a CLIP."""

    targets: Tensor = field(repr=False)
    weights: tuple[float, ...]
    similarity: Similarity = "cosine"
    concepts: Tensor | None = field(default=None, repr=False)

    def __call__(self, output: Tensor, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), from embeddings (V, D), which need not have length 1."""
        targets = keep_copy(self.targets, output)
        if self.similarity == "log_probability":
            assert self.concepts is not None
            scores = compare_answers(output, targets, keep_copy(self.concepts, output).detach())
        else:
            scores = measure_similarity(output, targets, self.similarity)
        return scores @ make_constant(self.weights, output.dtype, output.device)


def measure_similarity(embeddings: Tensor, targets: Tensor, kind: ImageSimilarity = "cosine") -> Tensor:
    """Return how near (V, T) embeddings (V, D) are to targets (T, D) of length 1, see `text`."""
    cosines = F.normalize(embeddings, dim=1) @ targets.T
    if kind == "cosine":
        return cosines
    return -torch.acos(cosines.clamp(-_MAX_COSINE, _MAX_COSINE)).square() / 2


def compare_answers(embeddings: Tensor, prompts: Tensor, concepts: Tensor) -> Tensor:
    """Return how near (V, T) views (V, D) are to prompts (T, D) by concepts (N, D) of length 1, see docs/method.md."""
    embeddings, prompts = F.normalize(embeddings, dim=1), F.normalize(prompts, dim=1)
    answers = (embeddings @ concepts.T / _VIEW_TEMPERATURE).log_softmax(dim=1)
    wanted = (prompts @ concepts.T / _TEXT_TEMPERATURE).log_softmax(dim=1)
    divergences = [((target - answers) * target.exp()).sum(dim=1) for target in wanted]
    return embeddings @ prompts.T - _DIVERGENCE_WEIGHT * torch.stack(divergences, dim=1)


def check_concepts(judge: CLIP) -> None:
    """Raise a ValueError unless a CLIP, or each of an ensemble, has two or more concepts as wide as its embeddings."""
    for member in judge.members:
        if member.concepts is None:
            raise ValueError(
                f"{judge.name} has no list of things that it can tell apart, which the similarity log_probability "
                "needs: choose cosine, or load a starter CLIP"
            )
        shape = tuple(member.concepts.shape)
        if len(shape) != 2 or shape[0] < 2 or shape[1] != member.width:
            raise ValueError(
                f"the concepts of {member.name} have the shape {shape}; give at least two directions of "
                f"{member.width} numbers, (N, {member.width})"
            )


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
