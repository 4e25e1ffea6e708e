"""Write the locale files: the English texts from the schemas of all nodes, and the translations of other languages.

Every other language is a folder of locales/. Its translations are kept, and entries that no longer exist are dropped.
A translation is stale if the English text has changed since it was translated. Texts whose translation is missing or
stale are written to build/translations.json as one list for all languages; the paths of the first ten of each language
are printed. Fill in the empty translations in that file, and merge them with --merge build/translations.json.

With --check nothing is written. The exit code is then 1 if a file is out of date, or if a translation is missing or
stale.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generators.locale_texts import collect_english, format_json
from generators.translations import Texts, Translation, flatten, list_open_texts, merge_texts, nest, update_translation
from repository import REPOSITORY

LOCALES = Path("locales")
ENGLISH = "en"
# The names of the files that ComfyUI reads in the folder of a language
FILES = ("main", "nodeDefs", "commands", "settings")
# The name of the file with the hashes of the English texts that were translated. ComfyUI does not read this file.
SOURCES = "sources.json"
TO_DO = Path("build/translations.json")
MAX_LISTED = 10  # maximum number of entries that are printed for a language; the file `TO_DO` has all entries


def read_texts(folder: Path) -> Texts:
    """Return the texts of a language by path."""
    files = [(name, folder / f"{name}.json") for name in FILES]
    return flatten({name: _read_json(path) for name, path in files if path.is_file()})


def read_translations(locales: Path) -> list[Translation]:
    """Return the translations of all languages but English, in the order of their codes."""
    folders = sorted(path for path in locales.glob("*/") if path.name != ENGLISH)
    return [
        Translation(folder.name, read_texts(folder), _read_json(path) if (path := folder / SOURCES).is_file() else {})
        for folder in folders
    ]


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def format_files(english: Mapping[str, str], translations: Iterable[Translation]) -> dict[Path, str]:
    """Return the contents of all locale files by path, relative to the pack."""
    files = _format_language(ENGLISH, english)
    for translation in translations:
        files |= _format_language(translation.language, translation.texts)
        files[LOCALES / translation.language / SOURCES] = format_json(translation.sources)
    return files


def _format_language(language: str, texts: Mapping[str, str]) -> dict[Path, str]:
    return {LOCALES / language / f"{name}.json": format_json(tree) for name, tree in nest(texts).items()}


def list_problems(english: Mapping[str, str], translations: Iterable[Translation]) -> list[str]:
    """Return a line for each missing or stale translation, at most `MAX_LISTED` for a language, and their number."""
    lines = []
    for translation in translations:
        found = [f"missing {path}" for path in translation.find_missing(english)]
        found += [f"stale {path}" for path in translation.find_stale(english)]
        more = [f"{len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []
        lines += [f"{translation.language}: {line}" for line in found[:MAX_LISTED] + more]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_locales", description=__doc__.partition("\n")[0] if __doc__ else None)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something is to be done")
    action.add_argument("--merge", type=Path, metavar="FILE", help=f"take over a filled-in {TO_DO}")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    from runner.node_classes import load_pack_without_models  # imports PyTorch, which --help does not need

    english = collect_english(load_pack_without_models(given.pack), read_texts(given.pack / LOCALES / ENGLISH))
    translations = [update_translation(old, english) for old in read_translations(given.pack / LOCALES)]
    if given.merge:
        try:
            translations = merge_texts(translations, english, _read_json(given.merge))
        except ValueError as error:
            print(f"{given.merge}: {error}", file=sys.stderr)
            return 1
    files = {given.pack / path: text for path, text in format_files(english, translations).items()}
    outdated = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    empty = sorted({path for name in FILES for path in (given.pack / LOCALES).glob(f"*/{name}.json")} - files.keys())
    problems = list_problems(english, translations)
    if given.check:
        lines = [f"{path.relative_to(given.pack)} is out of date: run make locales" for path in outdated + empty]
        print(*lines, *problems, sep="\n", end="\n" if lines or problems else "", file=sys.stderr)
        return 1 if lines or problems else 0
    for path in empty:
        path.unlink()
    for path in outdated:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
        print(path)
    _write_to_do(given.pack / TO_DO, list_open_texts(english, translations), problems)
    return 0


def _write_to_do(path: Path, items: list[dict[str, Any]], problems: list[str]) -> None:
    path.unlink(missing_ok=True)
    if items:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(format_json(items), encoding="utf-8")
        print(*problems, sep="\n")
        print(f"{path}: {len(items)} texts to translate; then make locales ARGS='--merge {TO_DO}'")


if __name__ == "__main__":
    sys.exit(main())
