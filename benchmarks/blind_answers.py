"""The score of the answers to a blind test: which folder is preferred, or how many pictures are named right."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.blind_sheets import SIDES, to_words
from das_core.models.labels import imagenet_labels

# Words that say nothing about the content of a picture
SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "or", "the", "to", "with"}

_UNCLEAR = "judge it yourself"


def score_answers(key: Path, answers: Path, accept: Collection[int] = (), reject: Collection[int] = ()) -> str:
    """Return the score as text; names with these numbers are right or wrong whether or not they share a word."""
    kind, asked = _read_key(key)
    given = _read_answers(answers, asked)
    missing = ", ".join(str(number) for number in sorted(asked) if number not in given)
    score = _score_pairs(asked, given) if kind == "pairs" else _score_names(asked, given, accept, reject)
    return f"{score}\nnot answered: {missing}" if missing else score


def _read_key(path: Path) -> tuple[str, dict[int, Any]]:
    """Return the kind of a key file, `pairs` or `naming`, and its entry for each number on the sheets."""
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        kind = key["kind"]
        return kind, {int(number): entry for number, entry in key["pairs" if kind == "pairs" else "names"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no key ({error}); give the key.json that lies beside the sheets") from error


def _read_answers(path: Path, asked: Collection[int]) -> dict[int, str]:
    """Return the answers in a file by their numbers; numbers that no answer follows are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the answers {path} cannot be read ({error})") from error
    answers: dict[int, str] = {}
    for place, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*([0-9]{1,9})(?:\s*[:.)]\s*|\s+|$)(.*)", line)
        if found is None or int(found[1]) not in asked or int(found[1]) in answers:
            said = f"line {place} of {path} is no answer: '{line.strip()[:60]}'"
            raise ValueError(f"{said}; begin it with a number from 1 to {max(asked)}, and answer each once")
        answers[int(found[1])] = found[2].strip()
    return {number: words for number, words in answers.items() if words}


def _score_pairs(asked: dict[int, Any], given: dict[int, str]) -> str:
    """Return, as text, how often the pictures of each folder, A and B, were preferred."""
    counts = {"a": 0, "b": 0, "even": 0}
    for number, words in given.items():
        choice = words.casefold()
        if choice not in (*SIDES, "even"):
            raise ValueError(f"the answer '{words[:60]}' to number {number} is none; write left, right or even")
        counts["even" if choice == "even" else "a" if choice == asked[number]["a"] else "b"] += 1
    decided = counts["a"] + counts["b"]
    share = f" (A in {counts['a'] / decided:.0%})" if decided else ""
    return f"preferred: A {counts['a']}, B {counts['b']}, even {counts['even']}\ndecided: {decided}{share}"


def _score_names(asked: dict[int, Any], given: dict[int, str], accept: Collection[int], reject: Collection[int]) -> str:
    """Return, as text, what each picture should show, the answer and the verdict, and the number of right answers."""
    if wrong := ({*accept, *reject} - given.keys()) | ({*accept} & {*reject}):
        raise ValueError(f"{min(wrong)} cannot be accepted or rejected: it has no answer, or is in both lists")
    rows = []
    for number in sorted(asked):
        name, words = asked[number], given.get(number, "")
        shared = find_shared_words(name, words)
        verdict = f"right ({', '.join(shared)})" if shared else _UNCLEAR if words else "no answer"
        verdict = "right, by hand" if number in accept else "wrong, by hand" if number in reject else verdict
        rows.append((str(number), to_words(name), words or "-", verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = sum(verdict.startswith("right") for *_, verdict in rows)
    lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.append(f"named: {right} of {len(asked)} ({right / len(asked):.0%})")
    if unclear := " ".join(number for number, *_, verdict in rows if verdict == _UNCLEAR):
        lines.append(f"no word shared, so far counted as wrong: {unclear}; --accept those that are right")
    return "\n".join(lines)


def find_shared_words(name: str, answer: str) -> list[str]:
    """Return the words of an answer that are in the name of a picture, or in any name of the class that it names."""
    labels = imagenet_labels()
    try:
        names = labels.labels[labels.find(to_words(name))].names
    except ValueError:  # the name is that of no class, or of several
        names = ()
    return sorted(_find_words(answer) & set().union(*(_find_words(text) for text in (name, *names))))


def _find_words(text: str) -> set[str]:
    """Return the words of a text, in lower case and without a final s; leave out small words and single characters."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {word.removesuffix("s") for word in words if word not in SMALL_WORDS and len(word) > 1}
