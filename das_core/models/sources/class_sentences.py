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
"""Short sentences. The braces are replaced by the name of a class, or by an everyday word (`list_hypernyms`)."""

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
"""Longer sentences, which teach the projection of a starter CLIP to ignore the words around a name.

Each name is put into one context. The names get the contexts in turn, so that the context of a name does not depend on
what the name means. With half as many contexts, names were recognised less often in contexts that the projection was
not fitted on.
"""

_DOUBLE = 2.0


class ClassSentence(NamedTuple):
    """A sentence that the projection of a starter CLIP is fitted on.

    The projection is a linear map from the embedding of a sentence to the feature space of the starter's classifier.

    Args:
        text: the sentence.
        classes: the indices of the classes that it is about, at least one.
        weight: the weight of the sentence in the fit, above 0; the bare name of a class has the weight 1.
    """

    text: str
    classes: tuple[int, ...]
    weight: float


def write_class_sentences() -> list[ClassSentence]:
    """Return the sentences that the projection of a starter CLIP is fitted on, about classes and hypernyms.

    The projection is a linear map from the embedding of a sentence to the feature space of the starter's classifier.

    For each class, there are sentences with its first name in each of `TEMPLATES` and in one of `CONTEXTS`, and its
    definition in WordNet, if it has one. A hypernym has one or more words, such as "dog" and "puppy", for a kind of
    thing that covers one or more classes. For each of these words, there are the same sentences without a definition.

    The weights of the sentences about a class are 1 for a template, 2 for the context, and 2 for the definition. The
    larger weight of contexts teaches the projection to recognise names inside longer sentences. The larger weight of
    definitions teaches it words that are not names of classes. The weights of the sentences about a hypernym of n
    classes are half the cube root of n for a template, and the cube root of n for the context. If these weights of
    hypernyms were larger, a sentence about one class would be understood as a sentence about the hypernym of that
    class. If they were smaller, a hypernym in a longer sentence would not be recognised.

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
    """Return the sentences with a name: one for each of `TEMPLATES`, and one longer sentence, the context."""
    alone = [ClassSentence(template.format(name), classes, weight) for template in TEMPLATES]
    return [*alone, ClassSentence(context.format(name), classes, weight * _DOUBLE)]


def compute_class_directions(rows: Tensor) -> Tensor:
    """Return the direction (classes, D) of every class in the feature space of a classifier.

    Args:
        rows: the weight (classes, D) of the last layer of the classifier.

    Returns:
        The rows minus their mean, each then scaled to length 1.
    """
    return F.normalize(rows - rows.mean(dim=0), dim=1)


def compute_targets(sentences: Sequence[ClassSentence], directions: Tensor) -> Tensor:
    """Return the target embeddings of N sentences: for each, the mean of the directions of its classes, normalised.

    Args:
        sentences: N sentences.
        directions: (classes, D), as `compute_class_directions` returns them.

    Returns:
        Directions (N, D), each of length 1.
    """
    return F.normalize(torch.stack([directions[list(sentence.classes)].mean(dim=0) for sentence in sentences]), dim=1)
