"""Finds the classes that a text lists, separated by commas: names of classes, or 'all' and an everyday word."""

import difflib
import re

from ..common.interruption import allow_interrupt
from ..common.text import shorten
from .labels import Labels, UnknownClassError

_ALL = re.compile(r"\s*all\s+(?P<word>.*\S)\s*", flags=re.IGNORECASE | re.DOTALL)

_LONGEST_RUN = 16  # Of parts between commas that are tried as the names of one class; ImageNet's have up to 10.
_MAX_WORDS = 5  # How many words a message lists at most.


def find_classes(labels: Labels, text: str) -> tuple[tuple[int, ...], ...]:
    """Return, for every entry of a text, the indices of its classes. An entry is a text that `Labels.find` takes, or
    'all' and a word ('all dogs'); commas separate entries, but also names of one class ('pizza, pizza pie')."""
    entries, parts = [], text.split(",")
    if not text.replace(",", "").strip():
        labels.find("")  # Raises the error for an empty name.
    start = 0
    while start < len(parts):
        allow_interrupt()
        end = start + 1
        if parts[start].strip():
            longer = range(min(len(parts), start + _LONGEST_RUN), start + 1, -1)
            end = next((end for end in longer if len(labels.look_up(",".join(parts[start:end]))) == 1), start + 1)
            entries.append(_find_entry(labels, ",".join(parts[start:end])))
        start = end
    return tuple(entries)


def _find_entry(labels: Labels, entry: str) -> tuple[int, ...]:
    found = _ALL.fullmatch(entry)
    # A class name may itself begin with 'all', such as 'all-terrain bike' if the user writes it with a space.
    if found is None or labels.look_up(entry):
        return (labels.find(entry),)
    word = found["word"]
    hypernym = labels.find_hypernym(word)
    if hypernym is None:
        raise UnknownClassError(f"'all {shorten(word, 40)}' is unknown: {_explain_unknown(labels, word)}")
    return hypernym.classes


def _explain_unknown(labels: Labels, word: str) -> str:
    """Return why the entry 'all WORD' names no classes, and what to write instead."""
    if not labels.hypernyms:
        return "this classifier knows no words for kinds of things; write names or indices with commas in between"
    if len(labels.look_up(word)) == 1:
        return f"'{shorten(word, 40)}' is a single class; write it without 'all'"
    words = [known for hypernym in labels.hypernyms for known in hypernym.words]
    near = difflib.get_close_matches(word[:40].casefold(), words, n=_MAX_WORDS, cutoff=0.6)
    listed = ", ".join(near or ("dog", "bird", "fruit", "vehicle", "building"))
    return f"no known word for a kind of thing; {'the nearest are' if near else 'there are, among others,'} {listed}"
