"""Sentences about the classes of ImageNet, from which `make_words` learns what words mean in terms of the classes."""

from typing import NamedTuple

from timm.data import ImageNetInfo

from das_core.models.hypernyms import list_hypernyms
from das_core.models.labels import imagenet_labels

TEMPLATES = ("{}", "a photo of a {}.")  # Short sentences about the name of a class or a word of `list_hypernyms`.

CONTEXTS = (
    "a {} on the ground", "a drawing of a {}", "a {} outdoors", "a {} in a room", "an old {} in the rain",
    "a {} near the water", "a big black {}", "a {} and a woman", "a {} in the sun", "a {} standing on a hill",
    "the white {} of my neighbour", "a close-up of a {}", "a {} in the background", "a {} on a street",
    "a {} moving fast", "a {} surrounded by trees", "a {} in the dark", "a painting of a {}",
    "a {} at the edge of a field", "a {} hanging from the ceiling", "a lonely {} under the sky", "a {} on a table",
    "a {} beside another one", "a {} in winter",
)  # fmt: skip
"""Longer sentences, which teach the fit to ignore the words around a name: names get them in turn. With half as many,
names were recognised less often in contexts that it did not know."""

# The weight of contexts, which teach it to recognise names in longer sentences, and of definitions, with other words.
_DOUBLE = 2.0


class ClassSentence(NamedTuple):
    """A sentence about one or more classes (their indices), and its weight in the fit, above 0."""

    text: str
    classes: tuple[int, ...]
    weight: float


def write_class_sentences() -> list[ClassSentence]:
    """Return the sentences of the fit: for each class and word of a hypernym,
    its name in `TEMPLATES` and in one of `CONTEXTS`, and the definition in WordNet, if it has one."""
    info, sentences = ImageNetInfo(), list[ClassSentence]()
    for index, label in enumerate(imagenet_labels().labels):
        sentences += _write_name(label.names[0], (index,), 1.0, CONTEXTS[index % len(CONTEXTS)])
        meaning = info.index_to_description(index, detailed=True).partition(": ")[2]
        sentences += [ClassSentence(meaning, (index,), _DOUBLE)] if meaning else []
    # With larger weights than cbrt(n) / 2, sentences about one of the n classes would be understood as sentences about
    # their hypernym; with smaller ones, a hypernym in a longer sentence would not be recognised.
    words = [(word, hypernym.classes) for hypernym in list_hypernyms() for word in hypernym.words]
    for index, (word, classes) in enumerate(words):
        sentences += _write_name(word, classes, len(classes) ** (1 / 3) / 2, CONTEXTS[index % len(CONTEXTS)])
    return sentences


def _write_name(name: str, classes: tuple[int, ...], weight: float, context: str) -> list[ClassSentence]:
    """Return the sentences with a name: one for each of `TEMPLATES`, and one in a context."""
    alone = [ClassSentence(template.format(name), classes, weight) for template in TEMPLATES]
    return [*alone, ClassSentence(context.format(name), classes, weight * _DOUBLE)]
