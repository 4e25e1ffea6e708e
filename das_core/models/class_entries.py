"""Classes written as text: names with commas in between, and all classes that an everyday word covers."""

import difflib
import re

from ..common.interruption import allow_interrupt
from ..common.text import shorten
from .labels import Labels, UnknownClassError

_ALL = re.compile(r"\s*all\s+(?P<word>.*\S)\s*", flags=re.IGNORECASE | re.DOTALL)

_LONGEST_RUN = 16
"""The most parts between commas that are tried as the names of one class. No class of ImageNet has more than 10."""

_MAX_WORDS = 5
"""How many words a message lists at most."""


def find_classes(labels: Labels, text: str) -> tuple[tuple[int, ...], ...]:
    """Return the classes of every entry of a text.

    An entry is what `Labels.find` takes, or 'all' and an everyday word for several classes, such as 'all dog'. Commas
    stand between entries; a name that holds commas itself, or several names of one class with commas in between, is
    one entry.

    Args:
        labels: the classes that there are.
        text: the entries.

    Returns:
        For every entry the indices of its classes, at least one.

    Raises:
        UnknownClassError: when an entry is no class (see `Labels.find`), or there are no classes for the word after
            'all'.
        ValueError: when there is no entry, or an index is out of range.

    Example:
        >>> from das_core.models import imagenet_labels
        >>> from das_core.models.class_entries import find_classes
        >>> find_classes(imagenet_labels(), "jellyfish, pizza, pizza pie, all cats")
        ((107,), (963,), (281, 282, 283, 284, 285))
    """
    entries, parts = [], text.split(",")
    if not text.replace(",", "").strip():
        labels.find("")
    start = 0
    while start < len(parts):
        allow_interrupt()
        end = start + 1
        if parts[start].strip():
            end = _find_end(labels, parts, start)
            entries.append(_find_entry(labels, ",".join(parts[start:end])))
        start = end
    return tuple(entries)


def _find_end(labels: Labels, parts: list[str], start: int) -> int:
    """Return where the entry from part `start` on ends: after the most parts that name one class, or after one part."""
    for end in range(min(len(parts), start + _LONGEST_RUN), start + 1, -1):
        if len(labels.look_up(",".join(parts[start:end]))) == 1:
            return end
    return start + 1


def _find_entry(labels: Labels, entry: str) -> tuple[int, ...]:
    """Return the indices of the classes of one entry; raise a ValueError when there are none."""
    found = _ALL.fullmatch(entry)
    # A class name may itself begin with 'all', as 'all-terrain bike' does.
    if found is None or labels.look_up(entry):
        return (labels.find(entry),)
    word = found["word"]
    hypernym = labels.find_hypernym(word)
    if hypernym is None:
        raise UnknownClassError(f"'all {shorten(word, 40)}' is unknown: {_explain_unknown(labels, word)}")
    return hypernym.classes


def _explain_unknown(labels: Labels, word: str) -> str:
    """Return why there are no classes for 'all' and a word, and what to write."""
    if not labels.hypernyms:
        return "this classifier knows no words for several classes; write names or indices with commas in between"
    if len(labels.look_up(word)) == 1:
        return f"'{shorten(word, 40)}' is a single class; write it without 'all'"
    words = [known for hypernym in labels.hypernyms for known in hypernym.words]
    near = difflib.get_close_matches(word[:40].casefold(), words, n=_MAX_WORDS, cutoff=0.6)
    listed = ", ".join(near or ("dog", "bird", "fruit", "vehicle", "building"))
    return f"no word for several classes; {'the nearest are' if near else 'there are, among others,'} {listed}"
