"""Descriptions: which words fit a picture best, or tell it from another, under a CLIP."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.images import Images
from ..common.modes import without_autocast
from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from ..models.words import embed_words, list_words
from ..objectives.embedding import check_concepts

Words = list[tuple[str, float]]
"""Words and how well each of them fits, the best first."""

_TEMPERATURE = 0.05  # Of the answers of a CLIP with concepts about a picture and about a word.


@without_autocast()
def describe(
    clip: Judge, images: Images, other: Images | None = None, count: int = 10, words: Sequence[Tensor] | None = None
) -> list[Words]:
    """Return the words that fit each image best, of nearly 29,000 names of things (`list_words`).

    A word fits by the cosine of its embedding and that of the image; under a CLIP with concepts, such as a starter
    CLIP, by the probability that both mean the same concept, 0..1, which favours the names of the concepts.

    Args:
        clip: a model that took no part in making the images; with an ensemble, the mean of its members counts.
        images: (B, 3, H, W), 0..1, of any size.
        other: images from which words have to tell the images apart: the words whose fit to an image is farthest above
            their mean fit to these.
        count: how many words to return for each image, at least 1.
        words: the embeddings of the words; None for `embed_words(clip)`.

    Raises:
        ValueError: when the CLIP reads no words, `count` is too small, or the images are in no form of `Images`.

    Example:
        >>> describe(load_starter_clip(SECOND_OPINION), image, count=2)  # doctest: +SKIP
        [[('panda', 0.31), ('giant panda', 0.3)]]
    """
    clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
    if count < 1:
        raise ValueError(f"count {count} is too few; ask for at least 1 word")
    # Otherwise cosines count for all members, as probabilities have another scale.
    if by_concepts := all(member.concepts is not None for member in clip.members):
        check_concepts(clip)
    fits = torch.zeros((), dtype=torch.float32)
    for member, embedded in zip(clip.members, words or embed_words(clip), strict=True):
        concepts = member.concepts if by_concepts else None
        fit = measure_fit(member.encode_images(images).cpu(), embedded, concepts)
        if other is not None:
            fit = fit - measure_fit(member.encode_images(other).cpu(), embedded, concepts).mean(dim=0)
        fits = fits + fit / len(clip.members)
    names = list_words()
    best = fits.topk(min(count, len(names)), dim=1)
    return [
        [(names[index], value) for index, value in zip(indices, values, strict=True)]
        for indices, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def measure_fit(images: Tensor, words: Tensor, concepts: Tensor | None) -> Tensor:
    """Return how well words (N, D) fit images (B, D), see `describe`: (B, N). All, and concepts, are of length 1."""
    if concepts is None:
        return images @ words.T
    concepts = concepts.to(images)
    seen, meant = ((each @ concepts.T / _TEMPERATURE).softmax(dim=1) for each in (images, words))
    return seen @ meant.T
