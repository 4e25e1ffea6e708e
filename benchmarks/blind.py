"""Blind tests with viewers: sheets of pictures to compare or to name, and the score of the answers.

    python -m benchmarks.blind pairs A_FOLDER B_FOLDER OUT    # which is the better picture of it, left or right?
    python -m benchmarks.blind naming FOLDER OUT              # what does each picture show?
    python -m benchmarks.blind score OUT/key.json ANSWERS.txt

The name of a file is what the picture should show, `a_red_car.png`. Look at the sheets and write the answers before you
open the key. Answers are lines: `NUMBER left`, `NUMBER right` or `NUMBER even` for pairs, `NUMBER: free words` for
names.
"""

import argparse
import json
import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from das_core.models.label_sets import imagenet_labels

CELL = 224
"""The smallest side of the square, in pixels, that a picture is fitted into."""

PER_SHEET = 20
"""The most entries of a sheet, each of which has a number."""

LONGEST = 1420
"""The longest side of a sheet in pixels, further lines of captions not counted: larger sheets may be shown shrunk."""

FONT_SIZE, LINE, INNER, OUTER = 28, 36, 4, 20
"""In pixels: of numbers and captions, the height of a line of text, the gaps in a pair and between numbers."""

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
SIDES = ("left", "right")
CHOICES = (*SIDES, "even")

SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "or", "the", "to", "with"}
"""Words that say nothing of what a picture shows."""

_UNCLEAR = "judge it yourself"

_FONT = ImageFont.load_default(FONT_SIZE)


@dataclass(frozen=True)
class Entry:
    """One number of a sheet.

    Args:
        caption: what is written above its pictures.
        pictures: their files, from left to right.
    """

    caption: str
    pictures: tuple[Path, ...]


def draw_pairs(a: Path, b: Path, out: Path, seed: int = 0, cell: int = CELL) -> list[Path]:
    """Draw the pictures of two folders side by side, the sides shuffled, and write a key that says which is which.

    A is on the left in half of the pairs (to within one when their number is odd), so that a habit of the viewer
    favours neither.

    Args:
        a: a folder of pictures, named by what they should show.
        b: a folder of pictures of the same names.
        out: the folder for the sheets and key.json; it is made if it does not exist.
        seed: the seed of the shuffling.
        cell: the side of the square in pixels that each picture is fitted into, at least 224.

    Returns:
        The sheets.

    Raises:
        ValueError: when a folder is missing, has no pictures, two of the same name, or one that cannot be read; when
            the names in the two differ; when `cell` is too small; or when `out` cannot be written or has sheets.
    """
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
        entries.append(Entry(f"{number}   {_to_words(name)}", shown))
        pairs[str(number)] = {"name": name, "a": side}
    return _write(out, entries, {"kind": "pairs", "a": str(a), "b": str(b), "seed": seed, "pairs": pairs}, cell)


def draw_naming(folder: Path, out: Path, seed: int = 0, count: int | None = None, cell: int = CELL) -> list[Path]:
    """Draw pictures of a folder in shuffled order, with numbers alone, and write a key that says what they should show.

    Args:
        folder: a folder of pictures, named by what they should show.
        out: the folder for the sheets and key.json; it is made if it does not exist.
        seed: the seed of the shuffling.
        count: how many pictures, drawn at random; all if None, or if there are fewer.
        cell: the side of the square in pixels that each picture is fitted into, at least 224.

    Returns:
        The sheets.

    Raises:
        ValueError: when the folder is missing, has no pictures, two of the same name, or one that cannot be read; when
            `count` or `cell` is too small; or when `out` cannot be written or has sheets.
    """
    if count is not None and count < 1:
        raise ValueError(f"count {count} is too few; name at least 1 picture")
    pictures = find_pictures(folder)
    names = random.Random(seed).sample(list(pictures), len(pictures) if count is None else min(count, len(pictures)))
    numbered = {str(number): name for number, name in enumerate(names, start=1)}
    entries = [Entry(number, (pictures[name],)) for number, name in numbered.items()]
    return _write(out, entries, {"kind": "naming", "folder": str(folder), "seed": seed, "names": numbered}, cell)


def score(key: Path, answers: Path, accept: Collection[int] = (), reject: Collection[int] = ()) -> str:
    """Return what the answers to a sheet say, as text.

    A name is right when it shares a word with what the picture should show: with the text, or with any name that
    ImageNet has for the class; capitals, small words and the s of a plural do not count. That is a rule of thumb. It
    misses "wading bird" for a flamingo and takes "red apple" for a red car, so all words are listed, and the scorer can
    overrule it with `accept` and `reject`.

    Args:
        key: the key.json of the sheets.
        answers: a text file with an answer in each line; empty lines and those that begin with # are ignored.
        accept: the numbers of answers that the scorer takes as right although they share no word.
        reject: the numbers of answers that are wrong although they share a word.

    Raises:
        ValueError: when a file is missing or has another format; when there are no answers, one has no valid form, or
            its number does not exist or appears twice; or when a number that is accepted or rejected has no answer.
    """
    kind, asked = _read_key(key)
    given = _read_answers(answers, asked)
    if kind == "naming":
        return _score_names(asked, given, accept, reject)
    if accept or reject:
        raise ValueError("only names are accepted or rejected by hand; this is the key of a sheet of pairs")
    return _score_pairs(asked, given)


def find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder, by their names without the suffix, in alphabetical order.

    Raises:
        ValueError: when there is no such folder, no picture in it, or two have the same name.
    """
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
    """Draw the entries on as many sheets as they need, and write sheets and key; return the sheets."""
    if cell < CELL:
        raise ValueError(f"cells of {cell} pixels are too small to judge by; take at least {CELL}")
    # Answers to the old sheets would be scored by the new key.
    if out.is_dir() and (any(out.glob("sheet*.png")) or (out / "key.json").exists()):
        raise ValueError(f"{out} already has sheets or a key; choose another folder")
    columns, rows = _choose_grid(len(entries[0].pictures), cell)
    parts = [entries[first : first + columns * rows] for first in range(0, len(entries), columns * rows)]
    names = ["sheet.png"] if len(parts) == 1 else [f"sheet_{number}.png" for number in range(1, len(parts) + 1)]
    drawn = [_draw_sheet(part, columns, cell) for part in parts]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for sheet, name in zip(drawn, names, strict=True):
            sheet.save(out / name)
        (out / "key.json").write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror or error}); choose another folder") from error
    return [out / name for name in names]


def _choose_grid(pictures: int, cell: int) -> tuple[int, int]:
    """Return the columns and rows of the grid that puts the most entries on a sheet."""
    width, height = _measure_entry(pictures, cell)
    across = max(1, (LONGEST - OUTER) // (width + OUTER))
    down = max(1, (LONGEST - OUTER) // (height + OUTER))
    grids = [(columns, min(down, PER_SHEET // columns)) for columns in range(1, min(across, PER_SHEET) + 1)]
    return max(grids, key=lambda grid: grid[0] * grid[1])


def _measure_entry(pictures: int, cell: int) -> tuple[int, int]:
    """Return the width of an entry, and its height with one line of text."""
    return pictures * cell + (pictures - 1) * INNER, LINE + cell


def _draw_sheet(entries: Sequence[Entry], columns: int, cell: int) -> Image.Image:
    """Draw entries in a grid, each with its caption above its pictures."""
    width, height = _measure_entry(len(entries[0].pictures), cell)
    captions = [_wrap(entry.caption, width) for entry in entries]
    head = LINE * max(map(len, captions))
    height += head - LINE
    across, down = min(columns, len(entries)), -(-len(entries) // columns)
    size = (OUTER + across * (width + OUTER), OUTER + down * (height + OUTER))
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for place, (entry, lines) in enumerate(zip(entries, captions, strict=True)):
        left = OUTER + place % columns * (width + OUTER)
        top = OUTER + place // columns * (height + OUTER)
        for number, line in enumerate(lines):
            # Directly above its pictures, also if captions of other entries have more lines.
            pen.text((left, top + head - LINE * (len(lines) - number)), line, "black", _FONT)
        for number, path in enumerate(entry.pictures):
            picture = _open_picture(path, cell)
            corner = (left + number * (cell + INNER), top + head)
            sheet.paste(picture, (corner[0] + (cell - picture.width) // 2, corner[1] + (cell - picture.height) // 2))
    return sheet


def _open_picture(path: Path, cell: int) -> Image.Image:
    """Return a picture, fitted into a square."""
    try:
        with Image.open(path) as picture:
            return ImageOps.contain(picture.convert("RGB"), (cell, cell), Image.Resampling.BICUBIC)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as a picture ({error})") from error


def _wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` pixels, between words."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _FONT.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _to_words(name: str) -> str:
    """Return what a picture should show in words; a number is that of a class of ImageNet, as in build/pictures."""
    if name.isdecimal() and int(name) < len(imagenet_labels()):
        return imagenet_labels().name(int(name))
    return name.replace("_", " ").strip()


def _read_key(path: Path) -> tuple[str, dict[int, Any]]:
    """Return the kind of a key, and its entry for every number."""
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        kind = key["kind"]
        entries = {int(number): entry for number, entry in key[{"pairs": "pairs", "naming": "names"}[kind]].items()}
        if kind == "pairs":
            bad = [n for n, entry in entries.items() if entry["a"] not in SIDES or not isinstance(entry["name"], str)]
        else:
            bad = [number for number, entry in entries.items() if not isinstance(entry, str)]
    except OSError as error:
        raise ValueError(f"the key {path} cannot be read ({error.strerror or error})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no key; give the key.json that lies beside the sheets") from error
    if bad or not entries:
        raise ValueError(f"{path} is no key; give the key.json that lies beside the sheets")
    return kind, entries


def _read_answers(path: Path, asked: Collection[int]) -> dict[int, str]:
    """Return the answers in a file by their numbers; those without words are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the answers {path} cannot be read ({error})") from error
    answers: dict[int, str] = {}
    for place, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*([0-9]{1,9})(?:\s*[:.)]\s*|\s+|$)(.*)", line)
        if found is None:
            raise ValueError(f"line {place} of {path} is no answer: '{line.strip()[:60]}'; begin it with a number")
        number = int(found[1])
        if number not in asked:
            raise ValueError(f"line {place} of {path} answers number {number}; the sheet has 1 to {max(asked)}")
        if number in answers:
            raise ValueError(f"line {place} of {path} answers number {number} again; keep one answer")
        answers[number] = found[2].strip()
    given = {number: words for number, words in answers.items() if words}
    if not given:
        raise ValueError(f"{path} has no answers")
    return given


def _score_pairs(asked: dict[int, Any], given: dict[int, str]) -> str:
    """Count how often each side was preferred."""
    counts = {"a": 0, "b": 0, "even": 0}
    for number, words in given.items():
        choice = words.casefold()
        if choice not in CHOICES:
            raise ValueError(f"the answer '{words[:60]}' to number {number} is none; write one of {', '.join(CHOICES)}")
        counts["even" if choice == "even" else "a" if choice == asked[number]["a"] else "b"] += 1
    decided = counts["a"] + counts["b"]
    lines = [f"A preferred: {counts['a']}", f"B preferred: {counts['b']}", f"even: {counts['even']}"]
    share = f"; A in {counts['a'] / decided:.0%}, B in {counts['b'] / decided:.0%} of them" if decided else ""
    lines.append(f"decided: {decided} of {len(given)} answered ({decided / len(given):.0%}){share}")
    return "\n".join([*lines, *_list_missing(asked, given)])


def _score_names(asked: dict[int, Any], given: dict[int, str], accept: Collection[int], reject: Collection[int]) -> str:
    """List what was asked, what was answered, and whether it is right."""
    for number in (*accept, *reject):
        if number not in given:
            raise ValueError(f"number {number} cannot be accepted or rejected: it has no answer")
    if both := sorted(set(accept) & set(reject)):
        raise ValueError(f"number {both[0]} is both accepted and rejected; choose one")
    rows = []
    for number in sorted(asked):
        words = given.get(number, "")
        verdict = _judge_name(asked[number], words, number in accept, number in reject)
        rows.append((str(number), _to_words(asked[number]), words or "-", verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    right = sum(verdict.startswith("right") for *_, verdict in rows)
    hand = f"; decided by hand: {len({*accept, *reject})}" if accept or reject else ""
    lines += ["", f"named: {right} of {len(asked)} ({right / len(asked):.0%}){hand}"]
    if unclear := ",".join(number for number, *_, verdict in rows if verdict == _UNCLEAR):
        lines.append(f"no word shared, so far counted as wrong: {unclear}; add the right ones with --accept {unclear}")
    return "\n".join([*lines, *_list_missing(asked, given)])


def _judge_name(name: str, words: str, accepted: bool, rejected: bool) -> str:
    """Return the verdict on an answer; a decision by hand overrules the shared words."""
    if accepted or rejected:
        return "right, by hand" if accepted else "wrong, by hand"
    shared = sorted(_find_words(words) & _find_target_words(name))
    if shared:
        return f"right ({', '.join(shared)})"
    return _UNCLEAR if words else "no answer"


def _list_missing(asked: Collection[int], given: Collection[int]) -> list[str]:
    missing = [str(number) for number in sorted(asked) if number not in given]
    return [f"not answered: {', '.join(missing)}"] if missing else []


def _find_target_words(name: str) -> set[str]:
    """Return the words of the name of a picture, and of all names of the class of ImageNet that it names."""
    labels = imagenet_labels()
    try:
        names = labels.labels[labels.find(_to_words(name))].names
    except ValueError:
        # A text, or a name that several classes have.
        names = ()
    return set().union(*(_find_words(text) for text in (name, *names)))


def _find_words(text: str) -> set[str]:
    """Return the words of a text, except for small ones, in lower case and without the s of a plural."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {word.removesuffix("s") for word in words if word not in SMALL_WORDS and len(word) > 1}


def _parse_numbers(text: str) -> list[int]:
    """Return the numbers of a list such as "3,7"."""
    if not re.fullmatch(r"\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})*\s*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of numbers such as 3,7")
    return [int(number) for number in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors go to the standard error, with exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    pairs = commands.add_parser("pairs", help="draw the pictures of two folders side by side")
    pairs.add_argument("a", type=Path, metavar="A_FOLDER")
    pairs.add_argument("b", type=Path, metavar="B_FOLDER")
    naming = commands.add_parser("naming", help="draw the pictures of a folder with numbers alone")
    naming.add_argument("folder", type=Path, metavar="FOLDER")
    naming.add_argument("--count", type=int, help="how many pictures (default: all)")
    for command in (pairs, naming):
        command.add_argument("out", type=Path, metavar="OUT", help="the folder for the sheets and the key")
        command.add_argument("--seed", type=int, default=0, help="of the shuffling (default: 0)")
        command.add_argument("--cell", type=int, default=CELL, help=f"pixels for a picture (default: {CELL})")
    scoring = commands.add_parser("score", help="score the answers to sheets")
    scoring.add_argument("key", type=Path, metavar="KEY.json")
    scoring.add_argument("answers", type=Path, metavar="ANSWERS.txt")
    for option, meaning in (("--accept", "right"), ("--reject", "wrong")):
        scoring.add_argument(option, type=_parse_numbers, default=[], metavar="3,7", help=f"names that are {meaning}")
    given = parser.parse_args(arguments)
    try:
        if given.command == "score":
            print(score(given.key, given.answers, given.accept, given.reject))
            return
        sheets = (
            draw_pairs(given.a, given.b, given.out, given.seed, given.cell)
            if given.command == "pairs"
            else draw_naming(given.folder, given.out, given.seed, given.count, given.cell)
        )
    except ValueError as error:
        parser.error(str(error))
    print("\n".join(map(str, sheets)))


if __name__ == "__main__":
    main()
