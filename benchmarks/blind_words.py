"""The words for what a picture of a blind test should show, and the search for these words in an answer."""

import re

from das_core.models.label_sets import imagenet_labels

# Words that say nothing about the content of a picture
SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "or", "the", "to", "with"}


def to_words(name: str) -> str:
    """Return, in words, what a picture with this name should show."""
    if name.isdecimal() and int(name) < len(imagenet_labels()):
        return imagenet_labels().name(int(name))
    return name.replace("_", " ").strip()


def find_shared_words(name: str, answer: str) -> list[str]:
    """Return the words of an answer that also say what a picture should show, in alphabetical order."""
    return sorted(_find_words(answer) & _find_target_words(name))


def _find_target_words(name: str) -> set[str]:
    """Return the words of the name of a picture, and, if it names a class of ImageNet, of all names of that class."""
    labels = imagenet_labels()
    try:
        names = labels.labels[labels.find(to_words(name))].names
    except ValueError:
        # The name of the picture is that of no class, or of several.
        names = ()
    return set().union(*(_find_words(text) for text in (name, *names)))


def _find_words(text: str) -> set[str]:
    """Return the words of a text, in lower case and without a final s; leave out small words and single characters."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {word.removesuffix("s") for word in words if word not in SMALL_WORDS and len(word) > 1}
