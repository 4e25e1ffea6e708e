"""Sentences about the classes of ImageNet, and the embeddings that a starter CLIP should give them.

A starter CLIP consists of a sentence encoder and a classifier. A linear projection takes the embedding of a sentence to
the feature space of the classifier; it is fitted on these sentences (`fitted_projection`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from timm.data import ImageNetInfo
from torch import Tensor
from torch.nn import functional as F

from ..hypernyms import list_hypernyms
from ..label_sets import imagenet_labels

TEMPLATES = ("{}", "a photo of a {}.")
"""Sentences that contain only the name of a class, or a word for many classes, in place of the braces."""

CONTEXTS = (
    "a {} on the ground",
    "a drawing of a {}",
    "a {} outdoors",
    "a {} in a room",
    "an old {} in the rain",
    "a {} near the water",
    "a big black {}",
    "a {} and a woman",
    "a {} in the sun",
    "a {} standing on a hill",
    "the white {} of my neighbour",
    "a close-up of a {}",
    "a {} in the background",
    "a {} on a street",
    "a {} moving fast",
    "a {} surrounded by trees",
    "a {} in the dark",
    "a painting of a {}",
    "a {} at the edge of a field",
    "a {} hanging from the ceiling",
    "a lonely {} under the sky",
    "a {} on a table",
    "a {} beside another one",
    "a {} in winter",
)
"""Sentences with more words. With them, the fit learns to ignore the words around the name of a thing.

Each name gets one of them in turn, so that the words around a name do not depend on the thing. With half as many
contexts, a name is found less often in a context that the projection was not fitted on.
"""

_DOUBLE = 2.0


class ClassSentence(NamedTuple):
    """A sentence that the projection of a starter CLIP is fitted on.

    Args:
        text: the sentence.
        classes: the indices of the classes that it is about, at least one.
        weight: the weight of the sentence in the fit, above 0; the bare name of a class has the weight 1.
    """

    text: str
    classes: tuple[int, ...]
    weight: float


def write_class_sentences() -> list[ClassSentence]:
    """Return the sentences that the projection is fitted on, about the 1,000 classes and about the hypernyms.

    A class has its first name in each of `TEMPLATES` and in one of `CONTEXTS`, and its definition in WordNet. Each word
    for a hypernym (a kind that covers several classes, such as "dog") is put into the same sentences, but has no
    definition.

    Weights: for a class, 1 in a template, and 2 in a context and for the definition. Heavier contexts teach the
    projection names inside longer sentences; heavier definitions teach it words that are not names of classes. For a
    hypernym of n classes, half the cube root of n in a template and twice that in a context. With more, a sentence that
    names a class would be understood as its hypernym; with less, a hypernym in a longer sentence would not be
    recognised.

    Example:
        >>> from das_core.models.sources.class_sentences import write_class_sentences
        >>> for sentence in write_class_sentences()[:3]:
        ...     print(sentence)
        ClassSentence(text='tench', classes=(0,), weight=1.0)
        ClassSentence(text='a photo of a tench.', classes=(0,), weight=1.0)
        ClassSentence(text='a tench on the ground', classes=(0,), weight=2.0)
    """
    info, sentences = ImageNetInfo(), list[ClassSentence]()
    for index, label in enumerate(imagenet_labels().labels):
        sentences += _write_name(label.names[0], (index,), 1.0, CONTEXTS[index % len(CONTEXTS)])
        meaning = info.index_to_description(index, detailed=True).partition(": ")[2]
        sentences += [ClassSentence(meaning, (index,), _DOUBLE)] if meaning else []
    words = [(word, hypernym.classes) for hypernym in list_hypernyms() for word in hypernym.words]
    for index, (word, classes) in enumerate(words):
        sentences += _write_name(word, classes, len(classes) ** (1 / 3) / 2, CONTEXTS[index % len(CONTEXTS)])
    return sentences


def _write_name(name: str, classes: tuple[int, ...], weight: float, context: str) -> list[ClassSentence]:
    """Return the sentences with one name: in every template, and in one context."""
    alone = [ClassSentence(template.format(name), classes, weight) for template in TEMPLATES]
    return [*alone, ClassSentence(context.format(name), classes, weight * _DOUBLE)]


def compute_class_directions(rows: Tensor) -> Tensor:
    """Return the direction (classes, D) of every class in the feature space of a classifier.

    Args:
        rows: the weight (classes, D) of its last layer.

    Returns:
        The rows, less the mean of all, each scaled to length 1.
    """
    return F.normalize(rows - rows.mean(dim=0), dim=1)


def compute_targets(sentences: Sequence[ClassSentence], directions: Tensor) -> Tensor:
    """Return the target embeddings of N sentences: for each the mean of the directions of its classes.

    Args:
        sentences: N sentences.
        directions: (classes, D), as `compute_class_directions` returns them.

    Returns:
        Directions (N, D), each of length 1.
    """
    return F.normalize(torch.stack([directions[list(sentence.classes)].mean(dim=0) for sentence in sentences]), dim=1)
