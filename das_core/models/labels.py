"""The classes of a classifier: their names, and the search for the class that a text names."""

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from ..common.text import shorten
from .hypernyms import Hypernym, list_hypernyms

_MAX_NAMES = 5  # How many names a message lists at most.

_INDEX = re.compile(r"[+-]?\d+")

_PLURALS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))  # Endings of a plural and its singular.

# How many letters of a text are compared with names. All names of ImageNet are shorter, so comparing more letters would
# find no nearer name among them, but could take minutes.
_MAX_LETTERS = 80

_LIKE, _TYPO = 0.6, 0.8
"""The least similarity of a text and a name, 0 to 1 (`difflib`). From `_LIKE` on, a message suggests the name; from
`_TYPO` on, the text counts as a misspelling of the name."""

_LEAST_ENDING = 4  # Letters of an everyday word that is recognised at the end of another, as 'flower' in 'sunflower'.


class UnknownClassError(ValueError):
    """The error for a text that names no class, or several classes; the message says what to write instead."""


@dataclass(frozen=True)
class Label:
    """A class: its names, the usual one first; its WordNet id, such as "n01910747", and its meaning, if it has them."""

    names: tuple[str, ...]
    wordnet: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Labels:
    """The classes of a classifier, in the order of its logits, and everyday words with the classes that they cover."""

    labels: tuple[Label, ...]
    hypernyms: tuple[Hypernym, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return the usual name of a class."""
        return self.labels[index].names[0]

    def unique_name(self, index: int) -> str:
        """Return the usual name of a class, after its index if several classes have this name."""
        name = self.name(index)
        return name if self.look_up(name) == {index} else f"{index} {name}"

    def look_up(self, text: str) -> set[int]:
        """Return the indices of all classes that a text names: none, one or several. See `find`."""
        number = text.strip()
        if _INDEX.fullmatch(number):
            # Python refuses to convert thousands of digits: at most 20 more than an index has, for a sign and zeros.
            exists = len(number) <= len(str(len(self))) + 20 and 0 <= int(number) < len(self)
            return {int(number)} if exists else set()
        named = self._by_name.get(normalise_name(text), set())
        return named or set.intersection(*(self._by_name.get(normalise_name(name), set()) for name in text.split(",")))

    def find(self, text: str) -> int:
        """Return the index of the class that a text names: by an index, a WordNet id, a name, an index and the usual
        name ('107 jellyfish'), or names with commas between. Capitals, hyphens and apostrophes do not matter."""
        quoted, wanted = text.strip(), normalise_name(text)
        found = self.look_up(text)
        if _INDEX.fullmatch(quoted) and not found:
            raise ValueError(
                f"class index {shorten(quoted, 21)} is out of range; this classifier has classes 0 to {len(self) - 1}"
            )
        if not wanted:
            raise ValueError("a class name is empty; write a name such as 'jellyfish', or an index")
        if len(found) == 1:
            return next(iter(found))
        raise UnknownClassError(self._explain(shorten(quoted, _MAX_LETTERS), wanted, found))

    def find_hypernym(self, word: str) -> Hypernym | None:
        """Return the kind of thing that a word names, in the singular or plural; None if it names none."""
        forms = _list_singulars(normalise_name(word))
        return next((self._by_hypernym[form] for form in forms if form in self._by_hypernym), None)

    def _explain(self, quoted: str, wanted: str, found: set[int]) -> str:
        """Return an error message: why a text does not name exactly one class, and what to write instead."""
        word = wanted if self.find_hypernym(wanted) else self._find_ending(wanted)
        kind, offer = self.find_hypernym(word), ""
        if kind:
            alone = f"{self._describe(kind.classes)}, the only class of this kind"
            count = f"{len(kind.classes)} of this kind" if len(kind.classes) > 1 else alone
            offer = f"write 'all {word}' for {count}, or "
        if found:
            choices = self._describe(sorted(found))
            return f"class '{quoted}' could be {len(found)} classes; {offer}write the index of one: {choices}"
        # The spaces make sure that the text is compared with whole words of the name.
        partly = sorted({i for name, indices in self._by_name.items() if f" {wanted} " in f" {name} " for i in indices})
        if partly:
            offer += f"write the index or the whole name of one: {self._describe(partly)}"
            return f"class '{quoted}' is only a part of names; {offer}"
        if kind:
            choices = self._describe(kind.classes, meanings=False)
            these = f"one of them: {choices}" if len(kind.classes) > 1 else "its index or name"
            return f"class '{quoted}' is unknown; {offer}write {these}"
        if near := [index for name in self._find_alike(wanted, _LIKE) for index in sorted(self._by_name[name])]:
            choices = self._describe(list(dict.fromkeys(near)), meanings=False)
            return f"class '{quoted}' is unknown; the nearest are {choices}"
        return (
            f"class '{quoted}' is unknown and nothing is near; write a name such as '{self.name(0)}', "
            f"or an index from 0 to {len(self) - 1}"
        )

    @cached_property
    def _by_hypernym(self) -> dict[str, Hypernym]:
        """All hypernyms (kinds of things) by word; a hypernym with several words stands under each of them."""
        return {normalise_name(word): hypernym for hypernym in self.hypernyms for word in hypernym.words}

    def _find_ending(self, wanted: str) -> str:
        """Return the longest everyday word that a text ends in, in the singular; an empty text if there is none."""
        is_typo = bool(self._find_alike(wanted.rpartition(" ")[2], _TYPO))
        # `is_word`: there is a space before the ending, so the ending is a word of its own.
        for form in _list_singulars(wanted[-_MAX_LETTERS:]):
            for start in range(1, len(form)):
                ending, is_word = form[start:], form[start - 1] == " "
                if ending in self._by_hypernym and (is_word or (len(ending) >= _LEAST_ENDING and not is_typo)):
                    return ending
        return ""

    @cached_property
    def _by_name(self) -> dict[str, set[int]]:
        """The indices of the classes by name, by WordNet id, and by index with name ('107 jellyfish')."""
        named: dict[str, set[int]] = defaultdict(set)
        for index, label in enumerate(self.labels):
            for name in (*label.names, label.wordnet, f"{index} {label.names[0]}"):
                named[normalise_name(name)].add(index)
        named.pop("", None)  # Classes without a WordNet id have entered an empty name.
        return dict(named)

    def _find_alike(self, wanted: str, least: float) -> list[str]:
        """Return at most five names whose similarity to a text is at least `least` (0..1), the most similar first."""
        return difflib.get_close_matches(wanted[:_MAX_LETTERS], self._by_name, n=_MAX_NAMES, cutoff=least)

    def _describe(self, indices: Sequence[int], *, meanings: bool = True) -> str:
        """Return at most five indices as text, each with the name of its class."""
        descriptions = []
        for index in indices[:_MAX_NAMES]:
            label = self.labels[index]
            meaning = f" ({label.meaning})" if meanings and label.meaning and len(indices) > 1 else ""
            descriptions.append(f"{index} {label.names[0]}{meaning}")
        return "; ".join(descriptions) + ("; …" if len(indices) > _MAX_NAMES else "")


def normalise_name(text: str) -> str:
    """Return a name in lower case, without apostrophes, and with single spaces in place of hyphens and underscores."""
    return " ".join(re.sub(r"[\s_-]+", " ", re.sub(r"['`\u2019]", "", text)).split()).casefold()


def _list_singulars(word: str) -> list[str]:
    """Return a word, followed by its possible singulars."""
    return [word] + [word.removesuffix(ending) + singular for ending, singular in _PLURALS if word.endswith(ending)]


def number_labels(count: int) -> Labels:
    """Return labels for `count` classes whose names are not known: 'class 0', 'class 1' and so on."""
    return Labels(tuple(Label((f"class {index}",)) for index in range(count)))


@cache
def imagenet_labels() -> Labels:
    """Return the 1,000 classes of ImageNet in their usual order, with names from WordNet as timm has them."""
    from timm.data import ImageNetInfo  # It takes a second to load.

    info = ImageNetInfo()
    labels = []
    for index, wordnet in enumerate(info.label_names()):
        names, _, meaning = info.index_to_description(index, detailed=True).partition(": ")
        short = meaning if len(meaning) <= 60 else meaning[:57].rstrip() + "…"
        labels.append(Label(tuple(name.strip() for name in names.split(",")), wordnet, short))
    return Labels(tuple(labels), list_hypernyms())


def choose_labels(count: int) -> Labels:
    """Return ImageNet's labels for a model of 1,000 classes, and numbered labels for any other `count`."""
    return imagenet_labels() if count == len(imagenet_labels()) else number_labels(count)


def read_labels(names: Sequence[str]) -> Labels:
    """Return labels from names as libraries write them, with commas between several names of a class: those that
    `choose_labels` returns if most of the names are among them in the same place, such as ImageNet's."""
    known = choose_labels(len(names))
    if 2 * sum(index in known.look_up(str(name)) for index, name in enumerate(names)) > len(names):
        return known
    parts = [tuple(filter(None, map(str.strip, str(name).split(",")))) for name in names]
    return Labels(tuple(Label(part or (f"class {index}",)) for index, part in enumerate(parts)))
