"""Scores of the answers to a blind test, against counts by hand; answers and keys that are refused."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.blind_answers import score_answers
from benchmarks.blind_trials import draw_pairs
from blind_pictures import fill_pair, find_boxes, reading_order
from cases import each_case

UNREADABLE = r"the answers .*answers\.txt cannot be read"


def write_pairs(home: Path, answers: str, sides: str = "LRLRL") -> tuple[Path, Path]:
    """A key of pairs with A on these sides, and answers to it."""
    named = {"L": "left", "R": "right"}
    pairs = {str(n): {"name": f"thing_{n}", "a": named[side]} for n, side in enumerate(sides, start=1)}
    (home / "key.json").write_text(json.dumps({"kind": "pairs", "a": "a", "b": "b", "seed": 0, "pairs": pairs}))
    (home / "answers.txt").write_text(answers, encoding="utf-8")
    return home / "key.json", home / "answers.txt"


def write_names(home: Path, answers: str, *names: str) -> tuple[Path, Path]:
    """A key of these names in order, and answers to it."""
    numbered = {str(number): name for number, name in enumerate(names, start=1)}
    (home / "key.json").write_text(json.dumps({"kind": "naming", "folder": "f", "seed": 0, "names": numbered}))
    (home / "answers.txt").write_text(answers, encoding="utf-8")
    return home / "key.json", home / "answers.txt"


def test_preferences_are_counted_by_folder_and_pairs_without_an_answer_or_a_decision_are_not(tmp_path: Path) -> None:
    text = score_answers(*write_pairs(tmp_path, "# first look\n1 left\n\n2: LEFT\n3 even\n4. right\n  5) right \n"))
    # A is left in 1, 3 and 5, right in 2 and 4: it wins 1 and 4.
    assert text.splitlines() == [
        "A preferred: 2",
        "B preferred: 2",
        "even: 1",
        "decided: 4 of 5 answered (80%); A in 50%, B in 50% of them",
    ]
    text = score_answers(*write_pairs(tmp_path, "1 left\n2 right\n4 left\n5\n"))
    assert "decided: 3 of 3 answered (100%); A in 67%, B in 33% of them\nnot answered: 3, 5" in text
    assert "decided: 0 of 1 answered (0%)\n" in score_answers(*write_pairs(tmp_path, "2 even"))


def test_a_preference_for_one_folder_is_found_again(tmp_path: Path) -> None:
    sheets = draw_pairs(*fill_pair(tmp_path), tmp_path / "out", seed=11)
    ours, theirs = find_boxes(sheets, 20), find_boxes(sheets, 20, 1)
    # A viewer who likes the pictures of B, and goes by the numbers in the order of reading.
    order = sorted(range(20), key=lambda place: reading_order(min(ours[place], theirs[place])))
    sides = ["left" if theirs[place][1][0] < ours[place][1][0] else "right" for place in order]
    answers = tmp_path / "answers.txt"
    answers.write_text("\n".join(f"{number} {side}" for number, side in enumerate(sides, start=1)))
    assert "A preferred: 0\nB preferred: 20\n" in score_answers(tmp_path / "out" / "key.json", answers)


@each_case(
    ("name", "answer"),
    [
        ("flamingo", "a wading bird"),
        ("a_red_car", "a house on the hill"),
        ("jellyfish", "jelly"),
        ("a_cup_of_tea", "of a"),
        # Several classes have the name: none of their other names counts.
        ("crane", "a tall machine"),
    ],
)
def test_without_a_shared_word_the_scorer_is_asked(tmp_path: Path, name: str, answer: str) -> None:
    files = write_names(tmp_path, f"1: {answer}", name)
    text = score_answers(*files)
    assert re.search(rf"1 +{name.replace('_', ' ')} +{answer} +judge it yourself", text)
    assert "named: 0 of 1 (0%)" in text
    assert "--accept 1" in text
    accepted = score_answers(*files, accept=[1])
    assert "named: 1 of 1 (100%); decided by hand: 1" in accepted
    assert "judge it yourself" not in accepted


def test_names_are_listed_and_counted(tmp_path: Path) -> None:
    files = write_names(
        tmp_path, "1: fish\n2: a bird\n4: red apple\n5: lamp", "tench", "flamingo", "owl", "a_red_car", "lamp"
    )
    text = score_answers(*files)
    assert [re.split(" {3,}", line) for line in text.splitlines()[:5]] == [
        ["1", "tench", "fish", "judge it yourself"],
        ["2", "flamingo", "a bird", "judge it yourself"],
        ["3", "owl", "-", "no answer"],
        ["4", "a red car", "red apple", "right (red)"],
        ["5", "lamp", "lamp", "right (lamp)"],
    ]
    assert "named: 2 of 5 (40%)\n" in text
    assert "counted as wrong: 1,2;" in text
    assert text.endswith("not answered: 3")
    by_hand = score_answers(*files, accept=[2], reject=[4])
    assert "named: 2 of 5 (40%); decided by hand: 2" in by_hand
    assert [line.rpartition("   ")[2] for line in by_hand.splitlines()[:5]] == [
        "judge it yourself",
        "right, by hand",
        "no answer",
        "wrong, by hand",
        "right (lamp)",
    ]


@each_case(
    ("answers", "message"),
    [
        (None, UNREADABLE),
        (b"1 \xff", UNREADABLE),
        (b"1 left\n6 right", "line 2 of .* answers number 6; the sheet has 1 to 5"),
        (b"0 left", "line 1 of .* answers number 0; the sheet has 1 to 5"),
        (b"1 left\n\n1 right", "line 3 of .* answers number 1 again"),
        (b"left", "line 1 of .* is no answer: 'left'; begin it with a number"),
        (b"1left", "line 1 of .* is no answer: '1left'"),
        (b"-1 left", "line 1 of .* is no answer"),
        (b"2 both", "the answer 'both' to number 2 is none; write one of left, right, even"),
        (b"", "has no answers"),
        (b"1\n2:\n# 3 left", "has no answers"),
    ],
)
def test_wrong_and_missing_answers_are_refused(tmp_path: Path, answers: bytes | None, message: str) -> None:
    key, path = write_pairs(tmp_path, "1 left")
    if answers is None:
        path.unlink()
    else:
        path.write_bytes(answers)
    with pytest.raises(ValueError, match=message):
        score_answers(key, path)


@each_case(
    ("key", "message"),
    [
        (None, r"the key .*key\.json cannot be read"),
        ("no json", r"key\.json is no key"),
        ("[]", r"key\.json is no key"),
        ('{"kind": "other", "names": {"1": "x"}}', r"key\.json is no key"),
        ('{"kind": "naming", "names": {}}', r"key\.json is no key"),
        ('{"kind": "naming", "names": {"1": 2}}', r"key\.json is no key"),
        ('{"kind": "naming", "names": {"one": "x"}}', r"key\.json is no key"),
        ('{"kind": "pairs", "pairs": {"1": {"name": "x", "a": "up"}}}', r"key\.json is no key"),
        ('{"kind": "pairs", "pairs": {"1": "x"}}', r"key\.json is no key"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, key: str | None, message: str) -> None:
    path, answers = write_pairs(tmp_path, "1 left")
    if key is None:
        path.unlink()
    else:
        path.write_text(key)
    with pytest.raises(ValueError, match=message):
        score_answers(path, answers)


def test_only_names_that_were_given_are_decided_by_hand(tmp_path: Path) -> None:
    files = write_names(tmp_path, "1: bird\n2:", "flamingo", "owl")
    for number in (2, 3):
        with pytest.raises(ValueError, match=f"number {number} cannot be accepted or rejected: it has no answer"):
            score_answers(*files, accept=[number])
        with pytest.raises(ValueError, match=f"number {number} cannot be accepted or rejected: it has no answer"):
            score_answers(*files, reject=[number])
    with pytest.raises(ValueError, match="number 1 is both accepted and rejected"):
        score_answers(*files, accept=[1], reject=[1])
    with pytest.raises(ValueError, match="this is the key of a sheet of pairs"):
        score_answers(*write_pairs(tmp_path, "1 left"), accept=[1])
