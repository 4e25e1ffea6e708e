"""The classes of a classifier, and finding one by what a person would call it."""

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from timm.data import ImageNetInfo

_NEAREST = 5


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
        """The index of the class that `text` means: an index, a WordNet id, a name, or some words of a single name.

        ValueError with the nearest names when there is no such class, and with the choices when there are several.
        """
        wanted = _plain(text)
        if not wanted:
            raise ValueError("a class name is empty; write a name such as 'jellyfish', or an index")
        if re.fullmatch(r"[+-]?\d+", wanted):
            return self._check_index(int(wanted))
        named: dict[str, list[int]] = defaultdict(list)
        for index, label in enumerate(self.labels):
            for name in {_plain(name) for name in (*label.names, label.wordnet)} - {""}:
                named[name].append(index)
        found = named.get(wanted) or sorted(
            {i for name, indices in named.items() if f" {wanted} " in f" {name} " for i in indices}
        )
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"class '{text.strip()}' could be {len(found)} classes; write one of {self._list(found)}")
        near = difflib.get_close_matches(wanted, named, n=_NEAREST, cutoff=0.5)
        near = near or difflib.get_close_matches(wanted, named, n=_NEAREST, cutoff=0)
        nearest = list(dict.fromkeys(index for name in near for index in named[name]))
        raise ValueError(f"class '{text.strip()}' is unknown; the nearest are {self._list(nearest)}")

    def _check_index(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise ValueError(f"class index {index} is out of range; this classifier has classes 0 to {len(self) - 1}")
        return index

    def _list(self, indices: Sequence[int]) -> str:
        shown = []
        for index in indices[:_NEAREST]:
            label = self.labels[index]
            meaning = f" ({label.meaning})" if label.meaning and len(indices) > 1 else ""
            shown.append(f"{index} {label.names[0]}{meaning}")
        return "; ".join(shown) + ("; …" if len(indices) > _NEAREST else "")


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def numbered(count: int) -> Labels:
    """Labels of a classifier whose names are not known: its indices."""
    return Labels(tuple(Label((f"class {index}",)) for index in range(count)))


@cache
def imagenet() -> Labels:
    """The 1,000 classes of ImageNet in their usual order, names from WordNet (as timm carries them)."""
    info = ImageNetInfo()
    labels = []
    for index, wordnet in enumerate(info.label_names()):
        names, _, meaning = info.index_to_description(index, detailed=True).partition(": ")
        short = meaning if len(meaning) <= 60 else meaning[:57].rstrip() + "…"
        labels.append(Label(tuple(name.strip() for name in names.split(",")), wordnet, short))
    return Labels(tuple(labels))


def labels_for(count: int) -> Labels:
    """ImageNet's labels for a model of 1,000 classes, numbers for any other."""
    return imagenet() if count == len(imagenet()) else numbered(count)
