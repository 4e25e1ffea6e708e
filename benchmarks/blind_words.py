"""The words that say what a picture should show, and the words of an answer that are among them."""

import re

from das_core.models.label_sets import imagenet_labels

SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "or", "the", "to", "with"}
"""Words that say nothing of what a picture shows."""


def to_words(name: str) -> str:
    """Return what a picture should show in words; a number is that of a class of ImageNet, as in build/pictures."""
    if name.isdecimal() and int(name) < len(imagenet_labels()):
        return imagenet_labels().name(int(name))
    return name.replace("_", " ").strip()


def find_shared_words(name: str, answer: str) -> list[str]:
    """Return the words of an answer that also say what a picture should show, in alphabetical order.

    Capitals, small words and the s of a plural do not count.

    Args:
        name: the name of the picture, such as `a_red_car`; or the number or a name of a class of ImageNet, and then all
            names of the class count.
        answer: free words.
    """
    return sorted(_find_words(answer) & _find_target_words(name))


def _find_target_words(name: str) -> set[str]:
    """Return the words of the name of a picture, and of all names of the class of ImageNet that it names."""
    labels = imagenet_labels()
    try:
        names = labels.labels[labels.find(to_words(name))].names
    except ValueError:
        # A text, or a name that several classes have.
        names = ()
    return set().union(*(_find_words(text) for text in (name, *names)))


def _find_words(text: str) -> set[str]:
    """Return the words of a text, except for small ones, in lower case and without the s of a plural."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {word.removesuffix("s") for word in words if word not in SMALL_WORDS and len(word) > 1}
