"""The comparison of what a CLIP takes a view for with what it takes a prompt for."""

from torch import Tensor
from torch.nn import functional as F

_VIEW_TEMPERATURE, _TARGET_TEMPERATURE = 0.05, 0.03
"""The temperatures of the two answers in `compare_answers`. The target's is lower: its embedding was fitted to a
mixture of classes, and its cosines differ less than those of an image."""


def compare_answers(embeddings: Tensor, target: Tensor, concepts: Tensor) -> Tensor:
    """Return how similar the answer of a model about some embeddings is to its answer about a target.

    An answer is a distribution over concepts: the softmax of the cosines, divided by a temperature. The result is minus
    the Kullback-Leibler divergence of the answer about an embedding from the answer about the target, times the
    temperature. This is distillation with the answer about the target as soft targets (Hinton and others, 2015, arXiv
    1503.02531). The gradient at a cosine is the probability that the target gives to the concept, minus the probability
    that the embedding gives to it. So an embedding that is taken for the right things has no gradient, while the cosine
    always has one.

    Args:
        embeddings: (V, D), of any length.
        target: one embedding (D,), of any length but 0.
        concepts: directions (N, D), each of length 1.

    Returns:
        (V,): 0 if the two answers are equal, below 0 otherwise.

    Example:
        >>> import torch
        >>> from das_core.objectives.answers import compare_answers
        >>> right, wrong = torch.eye(3)[:2]
        >>> compare_answers(torch.stack([right, wrong]), target=right, concepts=torch.eye(3)).round(decimals=3)
        tensor([ 0., -1.])
    """
    wanted = (concepts @ F.normalize(target, dim=0) / _TARGET_TEMPERATURE).log_softmax(dim=0)
    answers = (F.normalize(embeddings, dim=1) @ concepts.T / _VIEW_TEMPERATURE).log_softmax(dim=1)
    return _VIEW_TEMPERATURE * ((answers - wanted) @ wanted.exp())
