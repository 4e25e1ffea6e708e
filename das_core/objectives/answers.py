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
    """Return the similarity (V, T), at most 1, of views (V, D) to prompts (T, D), given concepts (N, D) of length 1:
    their cosine minus 0.15 * KL(q || p), see docs/method.md."""
    embeddings, prompts = F.normalize(embeddings, dim=1), F.normalize(prompts, dim=1)
    answers = (embeddings @ concepts.T / _VIEW_TEMPERATURE).log_softmax(dim=1)
    wanted = (prompts @ concepts.T / _TEXT_TEMPERATURE).log_softmax(dim=1)
    divergences = [((target - answers) * target.exp()).sum(dim=1) for target in wanted]
    return embeddings @ prompts.T - _DIVERGENCE_WEIGHT * torch.stack(divergences, dim=1)


def has_concepts(judge: CLIP) -> bool:
    """Return whether a CLIP has concepts (`CLIP.concepts`); for an ensemble, whether each of its CLIPs has some."""
    return all(member.concepts is not None for member in judge.members)


def check_concepts(judge: CLIP) -> None:
    """Raise a ValueError unless a CLIP, or each of an ensemble, has two or more concepts as wide as its embeddings."""
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
