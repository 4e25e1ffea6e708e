"""Sheets of a blind test: pairs of pictures of which the viewer prefers one, or single pictures to be named.

The sides of pairs and the order of single pictures are shuffled with a seed. key.json beside the sheets says on which
side each picture of a pair is, or what each single picture should show.
"""

import json
import random
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from das_core.models.labels import imagenet_labels

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
SIDES = ("left", "right")

CELL = 224  # the side, in pixels, of the square that a picture is fitted into
PER_SHEET = 20  # the most entries of a sheet
LONGEST = 1420  # the longest side of a sheet in pixels, because a viewer may shrink larger sheets
# In pixels: a letter of a caption, a line, the gap between the pictures of a pair, and that between entries.
LETTER, LINE, INNER, OUTER = 15, 36, 4, 20
_FONT = ImageFont.load_default(28)

Entry = tuple[str, Sequence[Path]]  # a part of a sheet: its caption, which begins with its number, and its pictures


def draw_pairs(a: Path, b: Path, out: Path, seed: int = 0) -> list[Path]:
    """Draw pairs of pictures of two folders, each as often left as right; return the files of the sheets."""
    first, second = find_pictures(a), find_pictures(b)
    if lacking := sorted(first.keys() ^ second.keys()):
        raise ValueError(f"only one of {a} and {b} has {', '.join(lacking)}; pairs need both pictures")
    generator = random.Random(seed)
    sides = [SIDES[place % 2] for place in range(len(first) - len(first) % 2)]
    sides += [generator.choice(SIDES)] * (len(first) % 2)
    generator.shuffle(sides)
    entries: list[Entry] = []
    pairs = {}
    for number, (name, side) in enumerate(zip(first, sides, strict=True), start=1):
        shown = (first[name], second[name])
        entries.append((f"{number}   {to_words(name)}", shown if side == "left" else shown[::-1]))
        pairs[str(number)] = {"name": name, "a": side}
    return _write(out, entries, {"kind": "pairs", "a": str(a), "b": str(b), "seed": seed, "pairs": pairs})


def draw_naming(folder: Path, out: Path, seed: int = 0) -> list[Path]:
    """Draw the pictures of a folder in shuffled order, captioned with numbers; return the files of the sheets."""
    pictures = find_pictures(folder)
    names = random.Random(seed).sample(list(pictures), len(pictures))
    numbered = {str(number): name for number, name in enumerate(names, start=1)}
    entries: list[Entry] = [(number, [pictures[name]]) for number, name in numbered.items()]
    return _write(out, entries, {"kind": "naming", "folder": str(folder), "seed": seed, "names": numbered})


def find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder, by their names without the suffix, in alphabetical order."""
    paths = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not paths:
        raise ValueError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    pictures = {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}
    if len(pictures) < len(paths):
        raise ValueError(f"{folder} has two pictures of one name; remove one")
    return pictures


def to_words(name: str) -> str:
    """Return, in words, what a picture with this name should show; a number is that of a class of ImageNet."""
    if name.isdecimal() and int(name) < len(imagenet_labels()):
        return imagenet_labels().name(int(name))
    return name.replace("_", " ").strip()


def _write(out: Path, entries: Sequence[Entry], key: dict[str, Any]) -> list[Path]:
    """Save sheets and key.json, and return the files of the sheets."""
    # Old sheets are not overwritten: answers that were given to them would be scored with the new key.
    if out.is_dir() and (any(out.glob("sheet*.png")) or (out / "key.json").exists()):
        raise ValueError(f"{out} already has sheets or a key; choose another folder")
    width = len(entries[0][1]) * (CELL + INNER) - INNER
    columns = (LONGEST - OUTER) // (width + OUTER)
    count = min(PER_SHEET // columns, (LONGEST - OUTER) // (LINE + CELL + OUTER)) * columns
    parts = [entries[first : first + count] for first in range(0, len(entries), count)]
    drawn = [_draw_sheet(part, min(columns, len(part)), width) for part in parts]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, sheet in enumerate(drawn, start=1):
            sheet.save(out / f"sheet_{number}.png")
        (out / "key.json").write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror or error}); choose another folder") from error
    return [out / f"sheet_{number}.png" for number in range(1, len(drawn) + 1)]


def _draw_sheet(entries: Sequence[Entry], columns: int, width: int) -> Image.Image:
    """Return a sheet with entries of one width in a grid, each with its caption above its pictures."""
    captions = [textwrap.wrap(caption, width // LETTER) for caption, _ in entries]
    head = LINE * max(map(len, captions))
    height = head + CELL
    rows = -(-len(entries) // columns)
    sheet = Image.new("RGB", (OUTER + columns * (width + OUTER), OUTER + rows * (height + OUTER)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, ((_, paths), lines) in enumerate(zip(entries, captions, strict=True)):
        left, top = OUTER + place % columns * (width + OUTER), OUTER + place // columns * (height + OUTER)
        for number, line in enumerate(lines, start=-len(lines)):  # the last line is directly above the pictures
            pen.text((left, top + head + LINE * number), line, "black", _FONT)
        for number, path in enumerate(paths):
            try:
                with Image.open(path) as opened:
                    picture = ImageOps.contain(opened.convert("RGB"), (CELL, CELL), Image.Resampling.BICUBIC)
            except (OSError, ValueError, SyntaxError) as error:
                raise ValueError(f"{path} cannot be read as a picture ({error})") from error
            free = CELL - picture.width, CELL - picture.height
            sheet.paste(picture, (left + number * (CELL + INNER) + free[0] // 2, top + head + free[1] // 2))
    return sheet
