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
    words = words or embed_words(clip)
    fits = measure_fit(clip, clip.encode_images(images), words)
    if other is not None:
        fits = fits - measure_fit(clip, clip.encode_images(other), words).mean(dim=0)
    return name_best(fits, count)


def measure_fit(clip: CLIP, images: Tensor, words: Sequence[Tensor]) -> Tensor:
    """Return how well words fit images, see `describe`, (B, words), on the CPU, by the embeddings (B, D) of the images,
    and by those of the words of each member."""
    # Otherwise cosines count for all members, as probabilities have another scale.
    if by_concepts := all(member.concepts is not None for member in clip.members):
        check_concepts(clip)
    fits = torch.zeros((), dtype=torch.float32)
    for member, seen, meant in zip(clip.members, clip.split(images.cpu()), words, strict=True):
        if by_concepts and member.concepts is not None:
            concepts = member.concepts.to(seen)
            seen, meant = ((each @ concepts.T / _TEMPERATURE).softmax(dim=1) for each in (seen, meant))
        fits = fits + seen @ meant.T / len(clip.members)
    return fits


def name_best(fits: Tensor, count: int) -> list[Words]:
    """Return the words that fit best, for each row of a table of fits of all words (N, words)."""
    names = list_words()
    best = fits.topk(min(count, len(names)), dim=1)
    return [
        [(names[index], value) for index, value in zip(*row, strict=True)]
        for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
