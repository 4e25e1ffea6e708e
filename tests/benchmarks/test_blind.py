"""Blind tests: sheets read back by the colours of their pictures, keys, scores counted by hand, and what is refused."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.blind import main
from benchmarks.blind_answers import find_shared_words, score_answers
from benchmarks.blind_sheets import CELL, OUTER, draw_naming, draw_pairs, find_pictures
from cases import each_case

Box = tuple[int, int, int, int]

TWENTY = [f"thing_{number:02d}" for number in range(20)]


def colour(place: int, folder: int = 0) -> tuple[int, int, int]:
    """The colour of picture number `place` of folder number `folder`; each is another, none is black or white."""
    return 40 + 3 * place, 90 + 50 * folder, 200 - 3 * place


def fill(folder: Path, names: Sequence[str], number: int = 0, size: tuple[int, int] = (CELL, CELL)) -> Path:
    """Write a picture of one colour for each name into a new folder, number `number`, and return the folder."""
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        Image.new("RGB", size, colour(place, number)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of twenty pictures of the same names."""
    return fill(tmp_path / "a", TWENTY), fill(tmp_path / "b", TWENTY, 1)


def find_boxes(sheets: Sequence[Path], count: int, folder: int = 0) -> list[tuple[int, Box]]:
    """For each picture of a folder, the number of the only sheet that shows it, and its box there (l, t, r, b)."""
    code = np.array([65536, 256, 1], dtype=np.int32)  # a colour as one number
    pixels = [np.asarray(Image.open(sheet)).astype(np.int32) @ code for sheet in sheets]
    boxes = []
    for place in range(count):
        found = [(number, np.argwhere(sheet == colour(place, folder) @ code)) for number, sheet in enumerate(pixels)]
        ((number, shown),) = [(number, at) for number, at in found if len(at)]
        (top, left), (bottom, right) = shown.min(axis=0).tolist(), shown.max(axis=0).tolist()
        boxes.append((number, (left, top, right + 1, bottom + 1)))
    return boxes


def read_order(boxes: Sequence[tuple[int, Box]]) -> list[str]:
    """The names of twenty pictures by sheet, from top to bottom, then from left to right."""
    return [TWENTY[place] for place in sorted(range(20), key=lambda n: (boxes[n][0], boxes[n][1][1], boxes[n][1][0]))]


def read_key(out: Path) -> Any:
    return json.loads((out / "key.json").read_text(encoding="utf-8"))


def test_the_command_line_draws_and_scores_and_says_what_is_wrong(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["naming", str(pair[0]), str(tmp_path / "n")])
    assert capsys.readouterr().out.split() == [str(tmp_path / "n" / "sheet_1.png")]  # it gives nothing away
    (tmp_path / "answers.txt").write_text("1: this\n2: thing\n3: that\n")
    main(["score", str(tmp_path / "n/key.json"), str(tmp_path / "answers.txt"), "--accept", "1", "3", "--reject", "2"])
    assert "named: 2 of 20 (10%)" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["naming", "/nowhere/at/all", str(tmp_path / "out")])
    assert "/nowhere/at/all has no pictures (.jpeg, .jpg, .png, .webp)" in capsys.readouterr().err


def test_the_key_says_on_which_side_a_is_and_a_preference_is_found_again(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    sheets = draw_pairs(*pair, tmp_path / "out", seed=11)
    key = read_key(tmp_path / "out")
    assert (key["kind"], key["a"], key["b"]) == ("pairs", str(pair[0]), str(pair[1]))
    ours, theirs = find_boxes(sheets, 20), find_boxes(sheets, 20, 1)
    by_name = {entry["name"]: entry["a"] for entry in key["pairs"].values()}
    for name, (sheet, box), (other_sheet, other) in zip(TWENTY, ours, theirs, strict=True):
        assert (sheet, box[1], box[3]) == (other_sheet, other[1], other[3])
        assert 0 < max(box[0], other[0]) - min(box[2], other[2]) < OUTER
        assert by_name[name] == ("left" if box[0] < other[0] else "right")
    # Numbers follow the order in which a sheet is read.
    order = read_order([min(both) for both in zip(ours, theirs, strict=True)])
    assert order == [key["pairs"][str(number)]["name"] for number in range(1, 21)]
    # A viewer who likes the pictures of B.
    sides = ["left" if theirs[TWENTY.index(name)] < ours[TWENTY.index(name)] else "right" for name in order]
    (tmp_path / "answers.txt").write_text("\n".join(f"{number} {side}" for number, side in enumerate(sides, 1)))
    assert "A 0, B 20, even 0\n" in score_answers(tmp_path / "out" / "key.json", tmp_path / "answers.txt")


def test_a_sheet_for_naming_has_numbers_of_the_key_and_no_captions(pair: tuple[Path, Path], tmp_path: Path) -> None:
    sheets = draw_naming(pair[0], tmp_path / "out")
    names = read_key(tmp_path / "out")["names"]
    order = read_order(find_boxes(sheets, 20))
    assert dict(zip(map(str, range(1, 21)), order, strict=True)) == names
    assert order != TWENTY
    fill(tmp_path / "other", [f"a_quite_different_name_{number:02d}" for number in range(20)])
    (other,) = draw_naming(tmp_path / "other", tmp_path / "again")
    assert other.read_bytes() == sheets[0].read_bytes()


@each_case(
    ("draw", "message"),
    (lambda a, b, out: draw_pairs(b, a, out), "only one of .*b and .*a has cat, owl; pairs need both pictures"),
    (lambda a, b, out: draw_naming(a, b / "dog.png"), r"dog\.png cannot be written"),
    (lambda a, b, out: (a / "bad.png").write_bytes(b"\x89PNG") and draw_naming(a, out), r"bad\.png cannot be read"),
    (lambda a, b, out: (b / "key.json").touch() or draw_naming(a, b), "b already has sheets or a key"),
    (lambda a, b, out: (a / "dog.JPG").touch() or draw_naming(a, out), "a has two pictures of one name"),
    (lambda a, b, out: (b / "sheet_2.png").touch() or draw_naming(a, b), "b already has sheets or a key"),
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, draw: Callable[..., object], message: str) -> None:
    a, b = fill(tmp_path / "a", ["cat", "dog", "owl"]), fill(tmp_path / "b", ["dog"])
    (a / "notes.txt").write_text("no picture")
    (a / "inner.png").mkdir()
    assert list(find_pictures(a)) == ["cat", "dog", "owl"]
    with pytest.raises(ValueError, match=message):
        draw(a, b, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@each_case(
    ("name", "answer", "shared"),
    ("jellyfish", "Jellyfish", ["jellyfish"]),
    ("flamingo", "two FLAMINGOS in water", ["flamingo"]),
    ("a_red_car", "some sort of car", ["car"]),
    ("tabby", "a cat", ["cat"]),  # what ImageNet calls the class besides
    ("281", "tabby", ["tabby"]),
    ("flamingo", "a wading bird", []),
    ("jellyfish", "jelly", []),
    ("a_cup_of_tea", "of a", []),
    ("crane", "a tall machine", []),  # the name of several classes,
)
def test_words_that_a_name_and_an_answer_share_are_found(name: str, answer: str, shared: list[str]) -> None:
    assert find_shared_words(name, answer) == shared


def write(home: Path, answers: str, key: object) -> tuple[Path, Path]:
    (home / "key.json").write_text(json.dumps(key))
    (home / "answers.txt").write_text(answers, encoding="utf-8")
    return home / "key.json", home / "answers.txt"


PAIRS = {"kind": "pairs", "pairs": {str(n): {"name": "x", "a": ("left", "right")[n % 2 - 1]} for n in range(1, 6)}}
NAMES = {"kind": "naming", "names": dict(zip("12345", ["tench", "flamingo", "owl", "a_red_car", "lamp"], strict=True))}


def test_preferences_are_counted_by_folder_and_pairs_without_an_answer_or_a_decision_are_not(tmp_path: Path) -> None:
    # A is left in 1, 3 and 5, right in 2 and 4: it wins 1 and 4.
    text = score_answers(*write(tmp_path, "# first look\n1 left\n\n2: LEFT\n3 even\n4. right\n  5) right \n", PAIRS))
    assert text == "preferred: A 2, B 2, even 1\ndecided: 4 (A in 50%)"
    key, answers = write(tmp_path, "2 even\n4\n", PAIRS)
    assert score_answers(key, answers).endswith("decided: 0\nnot answered: 1, 3, 4, 5")
    with pytest.raises(ValueError, match=r"answers .*nowhere\.txt cannot be read"):
        score_answers(key, tmp_path / "nowhere.txt")


def test_names_are_listed_and_counted(tmp_path: Path) -> None:
    files = write(tmp_path, "1: fish\n2: a bird\n4: red apple\n5: lamp", NAMES)
    lines = score_answers(*files).splitlines()
    assert [re.split(" {3,}", line) for line in lines[:5]] == [
        ["1", "tench", "fish", "judge it yourself"],
        ["2", "flamingo", "a bird", "judge it yourself"],
        ["3", "owl", "-", "no answer"],
        ["4", "a red car", "red apple", "right (red)"],
        ["5", "lamp", "lamp", "right (lamp)"],
    ]
    assert lines[5] == "named: 2 of 5 (40%)"
    assert "counted as wrong: 1 2;" in lines[6]
    assert lines[7] == "not answered: 3"
    by_hand = score_answers(*files, accept=[1, 2], reject=[4]).splitlines()
    assert [line.rpartition("   ")[2] for line in by_hand[:5:2]] == ["right, by hand", "no answer", "right (lamp)"]
    assert by_hand[3].endswith("wrong, by hand")
    assert by_hand[5] == "named: 3 of 5 (60%)"
    for accept, reject in (([3], []), ([], [6]), ([1], [1])):
        with pytest.raises(ValueError, match="cannot be accepted or rejected"):
            score_answers(*files, accept, reject)


def test_wrong_answers_and_files_that_are_no_key_are_refused(tmp_path: Path) -> None:
    no_keys: list[object] = [[], {"kind": "other"}, {"kind": "naming", "names": {"one": "x"}}]
    for answers, key, message in (
        ("1 left\n6 right", PAIRS, "line 2 of .* is no answer: '6 right'; begin it with a number from 1 to 5"),
        ("1 left\n\n1 right", PAIRS, "line 3 of .* is no answer"),
        ("1left", PAIRS, "line 1 of .* is no answer"),
        ("2 both", PAIRS, "the answer 'both' to number 2 is none; write left, right or even"),
        *(("1 left", key, r"key\.json is no key") for key in no_keys),
    ):
        with pytest.raises(ValueError, match=message):
            score_answers(*write(tmp_path, answers, key))
