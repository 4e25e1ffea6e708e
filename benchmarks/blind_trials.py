"""The trials of a blind test: pairs of pictures of which the viewer prefers one, or single pictures to be named.

The sides of pairs and the order of single pictures are shuffled with a seed. The sheets show the pictures. key.json in
the same folder says on which side each picture of a pair is, or what each single picture should show.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.blind_sheets import CELL, Entry, draw_sheets
from benchmarks.blind_words import to_words

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")

SIDES = ("left", "right")


def draw_pairs(a: Path, b: Path, out: Path, seed: int = 0, cell: int = CELL) -> list[Path]:
    """Draw pairs of pictures from two folders, with shuffled sides, and write a key with the side of each picture."""
    first, second = find_pictures(a), find_pictures(b)
    for folder, other, lacking in ((a, b, second.keys() - first.keys()), (b, a, first.keys() - second.keys())):
        if lacking:
            raise ValueError(
                f"{folder} lacks {', '.join(sorted(lacking))}, which {other} has; pairs need both pictures"
            )
    generator = random.Random(seed)
    sides = [SIDES[place % 2] for place in range(len(first) - len(first) % 2)]
    sides += [generator.choice(SIDES)] * (len(first) % 2)
    generator.shuffle(sides)
    entries, pairs = [], {}
    for number, (name, side) in enumerate(zip(first, sides, strict=True), start=1):
        shown = (first[name], second[name]) if side == "left" else (second[name], first[name])
        entries.append(Entry(f"{number}   {to_words(name)}", shown))
        pairs[str(number)] = {"name": name, "a": side}
    return _write(out, entries, {"kind": "pairs", "a": str(a), "b": str(b), "seed": seed, "pairs": pairs}, cell)


def draw_naming(folder: Path, out: Path, seed: int = 0, count: int | None = None, cell: int = CELL) -> list[Path]:
    """Draw pictures of a folder in shuffled order, captioned with numbers, and write a key with the names of the
    files."""
    if count is not None and count < 1:
        raise ValueError(f"count {count} is too few; name at least 1 picture")
    pictures = find_pictures(folder)
    names = random.Random(seed).sample(list(pictures), len(pictures) if count is None else min(count, len(pictures)))
    numbered = {str(number): name for number, name in enumerate(names, start=1)}
    entries = [Entry(number, (pictures[name],)) for number, name in numbered.items()]
    return _write(out, entries, {"kind": "naming", "folder": str(folder), "seed": seed, "names": numbered}, cell)


def find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder, by their names without the suffix, in alphabetical order."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give one with pictures that are named by what they should show")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise ValueError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    pictures: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: path.stem):
        if path.stem in pictures:
            raise ValueError(f"{folder} has two pictures of the name {path.stem}; remove one")
        pictures[path.stem] = path
    return pictures


def _write(out: Path, entries: Sequence[Entry], key: dict[str, Any], cell: int) -> list[Path]:
    """Draw pairs or single pictures on sheets, save the sheets and key.json, and return the files of the sheets."""
    if cell < CELL:
        raise ValueError(f"cells of {cell} pixels are too small to judge by; take at least {CELL}")
    # Old sheets are not overwritten: answers that were given to them would be scored with the new key.
    if out.is_dir() and (any(out.glob("sheet*.png")) or (out / "key.json").exists()):
        raise ValueError(f"{out} already has sheets or a key; choose another folder")
    drawn = draw_sheets(entries, cell)
    names = ["sheet.png"] if len(drawn) == 1 else [f"sheet_{number}.png" for number in range(1, len(drawn) + 1)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for sheet, name in zip(drawn, names, strict=True):
            sheet.save(out / name)
        (out / "key.json").write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror or error}); choose another folder") from error
    return [out / name for name in names]
