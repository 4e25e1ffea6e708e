"""The score of the answers to a blind test: which folder is preferred, or how many pictures are named right."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.blind_trials import SIDES
from benchmarks.blind_words import find_shared_words, to_words

CHOICES = (*SIDES, "even")

_UNCLEAR = "judge it yourself"


def score_answers(key: Path, answers: Path, accept: Collection[int] = (), reject: Collection[int] = ()) -> str:
    """Return the score of the answers to the sheets of a blind test, as text."""
    kind, asked = _read_key(key)
    given = _read_answers(answers, asked)
    if kind == "naming":
        return _score_names(asked, given, accept, reject)
    if accept or reject:
        raise ValueError("only names are accepted or rejected by hand; this is the key of a sheet of pairs")
    return _score_pairs(asked, given)


def _read_key(path: Path) -> tuple[str, dict[int, Any]]:
    """Return the kind of a key file, `pairs` or `naming`, and its entry for each number on the sheets."""
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
    """Return, as text, how often the pictures of each folder, A and B, were preferred."""
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
    """Return, as text, what each picture should show, the answer and the verdict, and then the number of right
    answers."""
    for number in (*accept, *reject):
        if number not in given:
            raise ValueError(f"number {number} cannot be accepted or rejected: it has no answer")
    if both := sorted(set(accept) & set(reject)):
        raise ValueError(f"number {both[0]} is both accepted and rejected; choose one")
    rows = []
    for number in sorted(asked):
        words = given.get(number, "")
        verdict = _judge_name(asked[number], words, number in accept, number in reject)
        rows.append((str(number), to_words(asked[number]), words or "-", verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    right = sum(verdict.startswith("right") for *_, verdict in rows)
    hand = f"; decided by hand: {len({*accept, *reject})}" if accept or reject else ""
    lines += ["", f"named: {right} of {len(asked)} ({right / len(asked):.0%}){hand}"]
    if unclear := ",".join(number for number, *_, verdict in rows if verdict == _UNCLEAR):
        lines.append(f"no word shared, so far counted as wrong: {unclear}; add the right ones with --accept {unclear}")
    return "\n".join([*lines, *_list_missing(asked, given)])


def _judge_name(name: str, words: str, accepted: bool, rejected: bool) -> str:
    """Return the verdict on the answer `words` about the picture with the name `name`, as text."""
    if accepted or rejected:
        return "right, by hand" if accepted else "wrong, by hand"
    if shared := find_shared_words(name, words):
        return f"right ({', '.join(shared)})"
    return _UNCLEAR if words else "no answer"


def _list_missing(asked: Collection[int], given: Collection[int]) -> list[str]:
    missing = [str(number) for number in sorted(asked) if number not in given]
    return [f"not answered: {', '.join(missing)}"] if missing else []
