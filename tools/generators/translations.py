"""Translations of the pack's texts: finds missing and stale translations, and merges new ones.

Texts are kept here in flat dictionaries, by paths such as `nodeDefs.DAS_Region.inputs.mask.tooltip`. A translation is
stale if the English text has changed since it was translated. To notice that, each language keeps a hash of the English
text for every translation.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Texts: TypeAlias = dict[str, str]

HASH_DIGITS = 8


@dataclass(frozen=True)
class Translation:
    """The texts of one language, and the hashes of the English texts that were translated, both by path."""

    language: str
    texts: Mapping[str, str]
    sources: Mapping[str, str]

    def find_missing(self, english: Mapping[str, str]) -> list[str]:
        """Return the paths of the texts that have no translation."""
        return [path for path in english if not self.texts.get(path)]

    def find_stale(self, english: Mapping[str, str]) -> list[str]:
        """Return the paths of the texts whose English original has changed since it was translated."""
        return [path for path, text in english.items() if self.texts.get(path) and not self._is_fresh(path, text)]

    def find_open(self, english: Mapping[str, str]) -> list[str]:
        """Return the paths of the texts whose translation is missing or stale, in the order of the English texts."""
        return [path for path, text in english.items() if not self._is_fresh(path, text)]

    def _is_fresh(self, path: str, text: str) -> bool:
        return bool(self.texts.get(path)) and self.sources.get(path) == hash_text(text)


def hash_text(text: str) -> str:
    """Return the hash of an English text, by which a later change of the text is noticed."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def flatten(tree: Mapping[str, Any], parent: str = "") -> Texts:
    """Return the texts of nested dictionaries by path: the keys that lead to a text, joined by dots."""
    texts: Texts = {}
    for key, value in tree.items():
        texts |= flatten(value, f"{parent}{key}.") if isinstance(value, Mapping) else {parent + key: value}
    return texts


def nest(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return nested dictionaries that contain the given texts, in the same order; the inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for path, text in texts.items():
        *parents, key = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[key] = text
    return tree


def update_translation(old: Translation, english: Mapping[str, str]) -> Translation:
    """Return a translation without dead entries; open ones get the only translation that equal texts of their kind
    have."""
    texts = {path: old.texts[path] for path in english if old.texts.get(path)}
    sources = {path: old.sources[path] for path in texts if path in old.sources}
    kept = Translation(old.language, texts, sources)
    open_paths = kept.find_open(english)
    known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for path in english.keys() - open_paths:
        known[_get_kind(path), english[path]].add(texts[path])
    found = {path: known[_get_kind(path), english[path]] for path in open_paths}
    return _take(kept, english, {path: next(iter(same)) for path, same in found.items() if len(same) == 1})


def _take(old: Translation, english: Mapping[str, str], new_texts: Mapping[str, str]) -> Translation:
    """Return a translation with new texts and the hashes of their English texts; new texts replace old ones."""
    texts = {**old.texts, **new_texts}
    sources = {**old.sources, **{path: hash_text(english[path]) for path in new_texts}}
    return Translation(
        old.language,
        {path: texts[path] for path in english if path in texts},
        {path: sources[path] for path in english if path in sources},
    )


def _get_kind(path: str) -> str:
    return path.rpartition(".")[2]


def list_open_texts(english: Mapping[str, str], translations: Iterable[Translation]) -> list[dict[str, Any]]:
    """Return the texts that need a translation, an item for each English text and kind (the last part of the path)."""
    languages = [(translation, set(translation.find_open(english))) for translation in translations]
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for path, text in english.items():
        lacking = [translation for translation, open_paths in languages if path in open_paths]
        if not lacking:
            continue
        new = {"english": text, "translations": {}, "previous": {}, "entries": []}
        item = items.setdefault((_get_kind(path), text), new)
        item["entries"].append(path)
        for translation in lacking:
            item["translations"][translation.language] = ""
            if translation.texts.get(path):
                item["previous"][translation.language] = translation.texts[path]
    return list(items.values())


def merge_texts(
    translations: Sequence[Translation], english: Mapping[str, str], items: Iterable[Mapping[str, Any]]
) -> list[Translation]:
    """Return the translations with texts filled into items of `list_open_texts`, if the English is still the same."""
    new: dict[str, Texts] = {translation.language: {} for translation in translations}
    for item in items:
        for language, text in item["translations"].items():
            if language not in new:
                raise ValueError(f"there is no folder of language '{language}', only of {', '.join(new)}; add it first")
            if characters := find_unescaped(text):
                raise ValueError(f"write {text!r} without {' '.join(characters)}, which have a meaning to the page")
            if text:
                new[language] |= {path: text for path in item["entries"] if english.get(path) == item["english"]}
    return [_take(translation, english, new[translation.language]) for translation in translations]


def find_unescaped(message: str) -> list[str]:
    """Return the characters of a message that the page (vue-i18n) takes for its syntax, unless they are escaped."""
    return sorted(set(re.findall(r"[{}@$|]", re.sub(r"\{'[{}@$|]'\}", "", message))))
