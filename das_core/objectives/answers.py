"""The similarity of views and prompts by the things that a CLIP recognises in both, and by their embeddings."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.clip import CLIP

_VIEW_TEMPERATURE, _TEXT_TEMPERATURE = 0.05, 0.03
"""The temperatures of the answers about a view and about a prompt. That of the prompt is lower, because its cosines
differ less: the embedding of a prompt was fitted to the mean direction of several classes."""

_DIVERGENCE_WEIGHT = 0.15
"""How much the divergence of the two answers counts beside the cosine. It is three times the temperature of views, so
that the gradient of the divergence at the cosines is three times the difference of the two answers."""


def compare_answers(embeddings: Tensor, prompts: Tensor, concepts: Tensor) -> Tensor:
    """Return how similar views are to prompts: by the things that a model recognises in both, and by their embeddings.

    The answer of a model about a view is a distribution over concepts, p = softmax(c / t): c are the cosines between
    the embedding of the view and the concepts, and t is the temperature of views. The answer q about a prompt is
    computed in the same way, with the temperature of prompts. The result is the cosine between a view and a prompt,
    minus 0.15 * KL(q || p). This Kullback-Leibler divergence is that of distillation with the soft targets q (Hinton
    and others, 2015, arXiv 1503.02531). Where p and q are equal, the gradient of the divergence vanishes, and the
    gradient of the result is that of the cosine alone.

    Args:
        embeddings: the embeddings of the views, (V, D). They need not have length 1.
        prompts: the embeddings of the prompts, (T, D). They need not have length 1, but must not have length 0.
        concepts: directions (N, D), each of length 1.

    Returns:
        (V, T): at most 1; the larger, the more similar.

    Example:
        >>> import torch
        >>> from das_core.objectives.answers import compare_answers
        >>> right, wrong = torch.eye(3)[:2]
        >>> compare_answers(torch.stack([right, wrong]), prompts=right[None], concepts=torch.eye(3)).round(decimals=3)
        tensor([[ 1.],
                [-3.]])
    """
    embeddings, prompts = F.normalize(embeddings, dim=1), F.normalize(prompts, dim=1)
    answers = (embeddings @ concepts.T / _VIEW_TEMPERATURE).log_softmax(dim=1)
    wanted = (prompts @ concepts.T / _TEXT_TEMPERATURE).log_softmax(dim=1)
    divergences = [((target - answers) * target.exp()).sum(dim=1) for target in wanted]
    return embeddings @ prompts.T - _DIVERGENCE_WEIGHT * torch.stack(divergences, dim=1)


def has_concepts(judge: CLIP) -> bool:
    """Return whether a CLIP has concepts (`CLIP.concepts`); for an ensemble, whether each of its CLIPs has some."""
    return all(member.concepts is not None for member in judge.members)


def check_concepts(judge: CLIP) -> None:
    """Check that a CLIP has at least two concepts, each as wide as its embeddings; for an ensemble, check each CLIP.

    Raises:
        ValueError: when a CLIP has no concepts, only one, or concepts of another width.
    """
    if not has_concepts(judge):
        raise ValueError(
            f"{judge.name} has no list of things that it can tell apart, which the similarity log_probability needs: "
            "choose cosine, or load a starter CLIP"
        )
    for member in judge.members:
        assert member.concepts is not None
        shape = tuple(member.concepts.shape)
        if len(shape) != 2 or shape[0] < 2 or shape[1] != member.width:
            raise ValueError(
                f"the concepts of {member.name} have the shape {shape}; give at least two directions of "
                f"{member.width} numbers, (N, {member.width})"
            )
