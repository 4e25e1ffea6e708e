"""The similarity of views and prompts by the things that a CLIP recognises in both, and by their embeddings."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.devices import keep_copy
from ..models.clip import CLIP

_VIEW_TEMPERATURE, _TEXT_TEMPERATURE = 0.05, 0.03
"""The temperatures of the answers about a view and about a prompt. That of the prompt is lower, because its cosines
differ less: the embedding of a prompt was fitted to the mean direction of several classes."""


def compare_answers(embeddings: Tensor, prompts: Tensor, concepts: Tensor) -> Tensor:
    """Return how similar views are to prompts: by the things that a model recognises in both, and by their embeddings.

    The answer of a model is a distribution over concepts: the softmax of the cosines, divided by a temperature. The
    result is the cosine between a view and a prompt, minus the Kullback-Leibler divergence of the answer about the view
    from the answer about the prompt, times the temperature of views. The divergence is that of distillation with the
    answer about the prompt as soft targets (Hinton and others, 2015, arXiv 1503.02531). Where the two answers are
    equal, its gradient vanishes, and the gradient of the result is that of the cosine alone.

    Args:
        embeddings: those of the views, (V, D), of any length.
        prompts: those of the prompts, (T, D), of any length but 0.
        concepts: directions (N, D), each of length 1.

    Returns:
        (V, T): at most 1; the larger, the more similar.

    Example:
        >>> import torch
        >>> from das_core.objectives.answers import compare_answers
        >>> right, wrong = torch.eye(3)[:2]
        >>> compare_answers(torch.stack([right, wrong]), prompts=right[None], concepts=torch.eye(3)).round(decimals=3)
        tensor([[ 1.],
                [-1.]])
    """
    embeddings, prompts = F.normalize(embeddings, dim=1), F.normalize(prompts, dim=1)
    answers = (embeddings @ concepts.T / _VIEW_TEMPERATURE).log_softmax(dim=1)
    wanted = (prompts @ concepts.T / _TEXT_TEMPERATURE).log_softmax(dim=1)
    divergences = [((target - answers) * target.exp()).sum(dim=1) for target in wanted]
    return embeddings @ prompts.T - _VIEW_TEMPERATURE * torch.stack(divergences, dim=1)


def compare_with_judge(judge: CLIP, embeddings: Tensor, prompts: Tensor) -> Tensor:
    """Return what `compare_answers` returns, (V, T), for a judge with concepts: the mean over its members.

    Args:
        judge: the CLIP, or an ensemble of several.
        embeddings: those of the views by the judge, (V, D).
        prompts: those of the prompts by the judge, (T, D).
    """
    parts = zip(judge.members, judge.split(embeddings), judge.split(prompts), strict=True)
    comparisons = [
        compare_answers(views, texts, keep_copy(_get_concepts(member), embeddings).detach())
        for member, views, texts in parts
    ]
    return torch.stack(comparisons).mean(dim=0)


def has_concepts(judge: CLIP) -> bool:
    """Return whether every member of a judge has `CLIP.concepts`."""
    # A CLIP of an older copy of this package, which may be loaded beside this one, lacks the attribute.
    return all(getattr(member, "concepts", None) is not None for member in judge.members)


def check_concepts(judge: CLIP) -> None:
    """Check that every member of a judge has concepts of the width of its embeddings.

    Raises:
        ValueError: when a member has none, or not at least two of that width.
    """
    if not has_concepts(judge):
        raise ValueError(
            f"{judge.name} has no list of things that it can tell apart, which the similarity log_probability needs: "
            "choose cosine, or load a starter CLIP"
        )
    for member in judge.members:
        shape = tuple(_get_concepts(member).shape)
        if len(shape) != 2 or shape[0] < 2 or shape[1] != member.width:
            raise ValueError(
                f"the concepts of {member.name} have the shape {shape}; give at least two directions of "
                f"{member.width} numbers, (N, {member.width})"
            )


def _get_concepts(member: CLIP) -> Tensor:
    """Return the concepts of a single CLIP, which has some."""
    assert member.concepts is not None
    return member.concepts
