"""The classes of a classifier, and finding one by what a person would call it."""

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from timm.data import ImageNetInfo

_NEAREST = 5

# Longer than any name: comparing more letters would cost minutes and find nothing nearer.
_COMPARED = 80


@dataclass(frozen=True)
class Label:
    """One class: its names, the first of them the usual one; its WordNet id if it has one; what it means, in words."""

    names: tuple[str, ...]
    wordnet: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Labels:
    """The classes of a model, by index."""

    labels: tuple[Label, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """The usual name of a class."""
        return self.labels[index].names[0]

    def find(self, text: str) -> int:
        """The index of the class that `text` means: an index, a WordNet id, one of its names, or several with commas.

        ValueError with the nearest names when there is no such class, and with the choices when there are several.
        A single word of a longer name is not enough: 'fish' would be an anemone fish, and 'bird' an indigo bunting.
        """
        shown = text.strip()
        if re.fullmatch(r"[+-]?\d+", shown):
            return self._check_index(shown)
        wanted = _plain(text)
        if not wanted:
            raise ValueError("a class name is empty; write a name such as 'jellyfish', or an index")
        shown = shown if len(shown) <= _COMPARED else shown[:_COMPARED] + "…"
        found = self._named.get(wanted, set()) or self._named_by_all(text.split(","))
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise ValueError(
                f"class '{shown}' could be {len(found)} classes; write the index of one: {self._list(sorted(found))}"
            )
        partly = sorted({i for name, indices in self._named.items() if f" {wanted} " in f" {name} " for i in indices})
        if partly:
            raise ValueError(
                f"class '{shown}' is only a part of names; write the index or the whole name of one: "
                f"{self._list(partly)}"
            )
        if near := self._nearest(wanted):
            raise ValueError(f"class '{shown}' is unknown; the nearest are {self._list(near)}")
        raise ValueError(
            f"class '{shown}' is unknown and nothing is near; write a name such as '{self.name(0)}', "
            f"or an index from 0 to {len(self) - 1}"
        )

    @cached_property
    def _named(self) -> dict[str, set[int]]:
        """The indices of the classes that go by a name or an id, or by '107 jellyfish' as errors write it."""
        named: dict[str, set[int]] = defaultdict(set)
        for index, label in enumerate(self.labels):
            for name in (*label.names, label.wordnet, f"{index} {label.names[0]}"):
                named[_plain(name)].add(index)
        named.pop("", None)
        return dict(named)

    def _named_by_all(self, names: Sequence[str]) -> set[int]:
        """The classes that go by every one of these names."""
        return set.intersection(*(self._named.get(_plain(name), set()) for name in names))

    def _nearest(self, wanted: str) -> list[int]:
        near = difflib.get_close_matches(wanted[:_COMPARED], self._named, n=_NEAREST, cutoff=0.5)
        return list(dict.fromkeys(index for name in near for index in sorted(self._named[name])))

    def _check_index(self, digits: str) -> int:
        # Short first: Python refuses to read thousands of digits, in words that would not help here.
        if len(digits) > len(str(len(self))) + 20 or not 0 <= int(digits) < len(self):
            raise ValueError(
                f"class index {digits[:20]} is out of range; this classifier has classes 0 to {len(self) - 1}"
            )
        return int(digits)

    def _list(self, indices: Sequence[int]) -> str:
        shown = []
        for index in indices[:_NEAREST]:
            label = self.labels[index]
            meaning = f" ({label.meaning})" if label.meaning and len(indices) > 1 else ""
            shown.append(f"{index} {label.names[0]}{meaning}")
        return "; ".join(shown) + ("; …" if len(indices) > _NEAREST else "")


def _plain(text: str) -> str:
    """A name without what people write differently: case, hyphens, apostrophes, spaces."""
    return " ".join(re.sub(r"[\s_-]+", " ", re.sub(r"['`\u2019]", "", text)).split()).casefold()


def number_labels(count: int) -> Labels:
    """Labels of a classifier whose names are not known: its indices."""
    return Labels(tuple(Label((f"class {index}",)) for index in range(count)))


@cache
def imagenet_labels() -> Labels:
    """The 1,000 classes of ImageNet in their usual order, names from WordNet (as timm carries them)."""
    info = ImageNetInfo()
    labels = []
    for index, wordnet in enumerate(info.label_names()):
        names, _, meaning = info.index_to_description(index, detailed=True).partition(": ")
        short = meaning if len(meaning) <= 60 else meaning[:57].rstrip() + "…"
        labels.append(Label(tuple(name.strip() for name in names.split(",")), wordnet, short))
    return Labels(tuple(labels))


def choose_labels(count: int) -> Labels:
    """ImageNet's labels for a model of 1,000 classes, numbers for any other."""
    return imagenet_labels() if count == len(imagenet_labels()) else number_labels(count)
