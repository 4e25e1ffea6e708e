"""Blind sheets, read back by the colours of their pictures; scores by hand; everything that is refused."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.blind import CELL, LONGEST, OUTER, PER_SHEET, draw_naming, draw_pairs, find_pictures, main, score

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

TWENTY = [f"thing_{number:02d}" for number in range(20)]


def colour(place: int, folder: int = 0) -> Colour:
    """A colour for each picture of each folder, none of them like the black and white of the sheet."""
    return 40 + 3 * place, 90 + 50 * folder, 200 - 3 * place


def fill(folder: Path, names: Sequence[str], number: int = 0, size: tuple[int, int] = (CELL, CELL)) -> Path:
    """Write pictures of one colour each."""
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        Image.new("RGB", size, colour(place, number)).save(folder / f"{name}.png")
    return folder


def read_sheet(path: Path) -> np.ndarray:
    """Return a sheet with one number for each pixel."""
    return np.asarray(Image.open(path)).astype(np.int32) @ np.array([65536, 256, 1], dtype=np.int32)


def find_box(sheet: np.ndarray, wanted: Colour) -> Box | None:
    """Return where a colour is on a sheet: left, top, right, bottom."""
    found = sheet == 65536 * wanted[0] + 256 * wanted[1] + wanted[2]
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def find_boxes(sheets: Sequence[Path], count: int, folder: int = 0) -> list[tuple[int, Box]]:
    """Return the sheet and the box of each picture of a folder; each picture is there once."""
    pixels = [read_sheet(sheet) for sheet in sheets]
    boxes = []
    for place in range(count):
        found = [(number, find_box(sheet, colour(place, folder))) for number, sheet in enumerate(pixels)]
        ((number, box),) = [(number, box) for number, box in found if box is not None]
        boxes.append((number, box))
    return boxes


def read_key(out: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads((out / "key.json").read_text(encoding="utf-8"))
    return key


def reading_order(found: tuple[int, Box]) -> tuple[int, int, int]:
    sheet, (left, top, _, _) = found
    return sheet, top, left


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of twenty pictures of the same names."""
    return fill(tmp_path / "a", TWENTY), fill(tmp_path / "b", TWENTY, 1)


def test_the_key_says_on_which_side_a_is(pair: tuple[Path, Path], tmp_path: Path) -> None:
    sheets = draw_pairs(*pair, tmp_path / "out")
    key = read_key(tmp_path / "out")
    assert (key["kind"], key["a"], key["b"]) == ("pairs", str(pair[0]), str(pair[1]))
    ours, theirs = find_boxes(sheets, 20), find_boxes(sheets, 20, 1)
    by_name = {entry["name"]: entry["a"] for entry in key["pairs"].values()}
    for name, (sheet, box), (other_sheet, other) in zip(TWENTY, ours, theirs, strict=True):
        # Side by side, on one line.
        assert (sheet, box[1], box[3]) == (other_sheet, other[1], other[3])
        assert 0 < max(box[0], other[0]) - min(box[2], other[2]) < OUTER
        assert by_name[name] == ("left" if box[0] < other[0] else "right")
    # Numbers follow the order in which a sheet is read.
    order = sorted(range(20), key=lambda place: reading_order(min(ours[place], theirs[place])))
    assert [TWENTY[place] for place in order] == [key["pairs"][str(number)]["name"] for number in range(1, 21)]


@pytest.mark.parametrize("count", [20, 7])
def test_each_folder_is_as_often_left_as_right(tmp_path: Path, count: int) -> None:
    a, b = fill(tmp_path / "a", TWENTY[:count]), fill(tmp_path / "b", TWENTY[:count], 1)
    seen = set()
    for seed in range(5):
        draw_pairs(a, b, tmp_path / f"out{seed}", seed)
        sides = tuple(entry["a"] for entry in read_key(tmp_path / f"out{seed}")["pairs"].values())
        assert abs(sides.count("left") - sides.count("right")) == count % 2
        seen.add(sides)
    assert len(seen) > 1


@pytest.mark.parametrize("kind", ["pairs", "naming"])
def test_a_seed_repeats_and_another_shuffles_anew(pair: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    def draw(out: str, seed: int) -> list[bytes]:
        if kind == "pairs":
            sheets = draw_pairs(*pair, tmp_path / out, seed)
        else:
            sheets = draw_naming(pair[0], tmp_path / out, seed)
        return [sheet.read_bytes() for sheet in sheets]

    assert draw("one", 5) == draw("two", 5) != draw("three", 6)
    assert read_key(tmp_path / "one") == read_key(tmp_path / "two") != read_key(tmp_path / "three") | {"seed": 5}


def test_numbers_are_named_by_the_key(pair: tuple[Path, Path], tmp_path: Path) -> None:
    sheets = draw_naming(pair[0], tmp_path / "out")
    names = read_key(tmp_path / "out")["names"]
    assert list(names) == [str(number) for number in range(1, 21)]
    boxes = find_boxes(sheets, 20)
    order = sorted(range(20), key=lambda place: reading_order(boxes[place]))
    assert [TWENTY[place] for place in order] == list(names.values())
    assert order != list(range(20))


def test_a_sheet_for_naming_has_no_captions(tmp_path: Path) -> None:
    others = [f"a_quite_different_name_{number:02d}" for number in range(20)]
    for number, names in enumerate((TWENTY, others)):
        fill(tmp_path / f"named{number}", names)
        draw_naming(tmp_path / f"named{number}", tmp_path / f"blind{number}")
        draw_pairs(tmp_path / f"named{number}", tmp_path / f"named{number}", tmp_path / f"pairs{number}")
    blind, pairs = (
        [(tmp_path / f"{kind}{number}" / name).read_bytes() for number in range(2)]
        for kind, name in (("blind", "sheet.png"), ("pairs", "sheet_1.png"))
    )
    assert blind[0] == blind[1]
    # Those of pairs have some.
    assert pairs[0] != pairs[1]
    with Image.open(tmp_path / "blind0" / "sheet.png") as sheet:
        assert not sheet.info


def test_so_many_are_drawn_by_lot(pair: tuple[Path, Path], tmp_path: Path) -> None:
    chosen = []
    for seed in range(3):
        sheets = draw_naming(pair[0], tmp_path / f"out{seed}", seed, count=6)
        chosen.append(set(read_key(tmp_path / f"out{seed}")["names"].values()))
        pixels = read_sheet(sheets[0])
        shown = {name for place, name in enumerate(TWENTY) if find_box(pixels, colour(place)) is not None}
        assert shown == chosen[-1]
        assert len(shown) == 6
    assert chosen[0] != chosen[1] != chosen[2]
    draw_naming(pair[0], tmp_path / "all", count=500)
    assert set(read_key(tmp_path / "all")["names"].values()) == set(TWENTY)


@pytest.mark.parametrize(("kind", "sheets"), [("pairs", 5), ("naming", 3)])
def test_what_does_not_fit_goes_on_further_sheets(tmp_path: Path, kind: str, sheets: int) -> None:
    names = [f"thing_{number:02d}" for number in range(45)]
    a, b = fill(tmp_path / "a", names), fill(tmp_path / "b", names, 1)
    drawn = draw_pairs(a, b, tmp_path / "out") if kind == "pairs" else draw_naming(a, tmp_path / "out", count=45)
    assert [sheet.name for sheet in drawn] == [f"sheet_{number}.png" for number in range(1, sheets + 1)]
    where = [sheet for sheet, _ in find_boxes(drawn, 45)]
    assert max(where.count(number) for number in range(sheets)) <= PER_SHEET
    assert max(side for sheet in drawn for side in Image.open(sheet).size) <= LONGEST


def test_pictures_are_fitted_into_their_cells_and_keep_their_aspect(tmp_path: Path) -> None:
    fill(tmp_path / "a", ["wide"], size=(448, 112))
    fill(tmp_path / "b", ["wide"], 1, size=(50, 100))
    (sheet,) = draw_pairs(tmp_path / "a", tmp_path / "b", tmp_path / "small")
    (_, ours), (_, theirs) = find_boxes([sheet], 1)[0], find_boxes([sheet], 1, 1)[0]
    assert (ours[2] - ours[0], ours[3] - ours[1]) == (CELL, CELL // 4)
    assert (theirs[2] - theirs[0], theirs[3] - theirs[1]) == (CELL // 2, CELL)
    # Both in the middle of their cells, which are side by side.
    assert ours[1] + ours[3] == theirs[1] + theirs[3]
    (sheet,) = draw_pairs(tmp_path / "a", tmp_path / "b", tmp_path / "large", cell=400)
    (_, ours) = find_boxes([sheet], 1)[0]
    assert (ours[2] - ours[0], ours[3] - ours[1]) == (400, 100)


def test_a_picture_of_the_size_of_a_cell_is_shown_pixel_by_pixel(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (CELL, CELL, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a" / "noise.png")
    (sheet,) = draw_naming(tmp_path / "a", tmp_path / "out")
    shown = np.asarray(Image.open(sheet))
    assert np.array_equal(shown[-OUTER - CELL : -OUTER, OUTER:-OUTER], pixels)


def test_a_long_caption_is_broken_into_lines_that_stay_above_its_pair(tmp_path: Path) -> None:
    heights = []
    for name in ("short", "a_very_long_thing_to_ask_for_" * 6):
        a, b = fill(tmp_path / name[:6] / "a", [name]), fill(tmp_path / name[:6] / "b", [name], 1)
        (sheet,) = draw_pairs(a, b, tmp_path / name[:6] / "out")
        pixels = np.asarray(Image.open(sheet))
        heights.append(pixels.shape[0])
        assert pixels.shape[1] == 2 * OUTER + 2 * CELL + 4
        assert (pixels[:, -OUTER:] == 255).all()
        # The caption is above the pictures, and does not run into them.
        (_, box) = find_boxes([sheet], 1)[0]
        assert box[3] - box[1] == CELL
        assert (pixels[: box[1]] < 128).any()
    assert heights[1] > heights[0] + 50


def test_numbers_are_large(tmp_path: Path) -> None:
    (sheet,) = draw_naming(fill(tmp_path / "a", ["thing"]), tmp_path / "out")
    pixels = np.asarray(Image.open(sheet))
    ink = np.nonzero((pixels < 128).all(axis=2).any(axis=1))[0]
    assert ink.max() - ink.min() + 1 >= 19


def test_pictures_are_those_files_that_are_pictures(tmp_path: Path) -> None:
    fill(tmp_path / "a", ["b", "a"])
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "C.JPG")
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / "inner.png").mkdir()
    assert list(find_pictures(tmp_path / "a")) == ["C", "a", "b"]


def broken_picture(home: Path) -> Path:
    fill(home / "broken", ["good"])
    (home / "broken" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return home / "broken"


def twin_pictures(home: Path) -> Path:
    fill(home / "twins", ["thing"])
    Image.new("RGB", (8, 8)).save(home / "twins" / "thing.jpg")
    return home / "twins"


def no_pictures(home: Path) -> Path:
    (home / "empty").mkdir()
    (home / "empty" / "key.json").write_text("{}")
    return home / "empty"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda home: home / "nowhere", "nowhere is no folder"),
        (lambda home: fill(home / "f", ["x"]) / "x.png", r"x\.png is no folder"),
        (no_pictures, r"empty has no pictures \(\.jpeg, \.jpg, \.png, \.webp\)"),
        (twin_pictures, "twins has two pictures of the name thing"),
        (broken_picture, r"bad\.png cannot be read as a picture"),
    ],
)
def test_folders_that_cannot_be_drawn_are_refused(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    folder = make(tmp_path)
    with pytest.raises(ValueError, match=message):
        draw_naming(folder, tmp_path / "out")
    with pytest.raises(ValueError, match=message):
        draw_pairs(folder, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_whose_names_differ_are_refused(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", ["cat", "dog", "owl"]), fill(tmp_path / "b", ["dog"])
    with pytest.raises(ValueError, match=r"/b lacks cat, owl, which \S+/a has; pairs need both pictures"):
        draw_pairs(a, b, tmp_path / "out")
    with pytest.raises(ValueError, match=r"/b lacks cat, owl, which \S+/a has; pairs need both pictures"):
        draw_pairs(b, a, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", ["cat"])
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ValueError, match=f"{out} cannot be written"):
            draw_naming(folder, out)


@pytest.mark.parametrize("left", ["key.json", "sheet.png", "sheet_2.png"])
def test_sheets_and_keys_of_before_are_never_mixed_with_new_ones(tmp_path: Path, left: str) -> None:
    folder = fill(tmp_path / "a", ["cat"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / left).write_text("of before")
    with pytest.raises(ValueError, match="out already has sheets or a key"):
        draw_pairs(folder, folder, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [left]
    assert (tmp_path / "out" / left).read_text() == "of before"


def test_too_few_and_too_small_are_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", ["cat"])
    with pytest.raises(ValueError, match="count 0 is too few"):
        draw_naming(folder, tmp_path / "out", count=0)
    with pytest.raises(ValueError, match="cells of 223 pixels are too small to judge by; take at least 224"):
        draw_naming(folder, tmp_path / "out", cell=223)


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


def test_preferences_are_counted_by_folder_whatever_the_side(tmp_path: Path) -> None:
    text = score(*write_pairs(tmp_path, "# first look\n1 left\n\n2: LEFT\n3 even\n4. right\n  5) right \n"))
    # A is left in 1, 3 and 5, right in 2 and 4: it wins 1 and 4.
    assert text.splitlines() == [
        "A preferred: 2",
        "B preferred: 2",
        "even: 1",
        "decided: 4 of 5 answered (80%); A in 50%, B in 50% of them",
    ]


def test_pairs_without_an_answer_are_named_and_not_counted(tmp_path: Path) -> None:
    text = score(*write_pairs(tmp_path, "1 left\n2 right\n4 left\n5\n"))
    assert "decided: 3 of 3 answered (100%); A in 67%, B in 33% of them\nnot answered: 3, 5" in text


def test_nothing_decided_has_no_shares(tmp_path: Path) -> None:
    assert "decided: 0 of 1 answered (0%)\n" in score(*write_pairs(tmp_path, "2 even"))


def test_a_preference_for_one_folder_is_found_again(pair: tuple[Path, Path], tmp_path: Path) -> None:
    sheets = draw_pairs(*pair, tmp_path / "out", seed=11)
    ours, theirs = find_boxes(sheets, 20), find_boxes(sheets, 20, 1)
    # A viewer who likes the pictures of B, and goes by the numbers in the order of reading.
    order = sorted(range(20), key=lambda place: reading_order(min(ours[place], theirs[place])))
    sides = ["left" if theirs[place][1][0] < ours[place][1][0] else "right" for place in order]
    answers = tmp_path / "answers.txt"
    answers.write_text("\n".join(f"{number} {side}" for number, side in enumerate(sides, start=1)))
    assert "A preferred: 0\nB preferred: 20\n" in score(tmp_path / "out" / "key.json", answers)


@pytest.mark.parametrize(
    ("name", "answer", "shared"),
    [
        ("jellyfish", "Jellyfish", "jellyfish"),
        ("flamingo", "two FLAMINGOS in water", "flamingo"),
        ("a_red_car", "some sort of car", "car"),
        ("hot_air_balloons_over_a_desert", "a balloon", "balloon"),
        # What ImageNet calls the class besides.
        ("maillot,_tank_suit", "a suit", "suit"),
        ("tabby", "a cat", "cat"),
        ("jack-o'-lantern", "a lantern", "lantern"),
        ("281", "tabby", "tabby"),
    ],
)
def test_a_shared_word_is_right(tmp_path: Path, name: str, answer: str, shared: str) -> None:
    text = score(*write_names(tmp_path, f"1: {answer}", name))
    assert f"right ({shared})" in text
    assert "named: 1 of 1 (100%)" in text


@pytest.mark.parametrize(
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
    text = score(*files)
    assert re.search(rf"1 +{name.replace('_', ' ')} +{answer} +judge it yourself", text)
    assert "named: 0 of 1 (0%)" in text
    assert "--accept 1" in text
    accepted = score(*files, accept=[1])
    assert "named: 1 of 1 (100%); decided by hand: 1" in accepted
    assert "judge it yourself" not in accepted


def test_names_are_listed_and_counted(tmp_path: Path) -> None:
    files = write_names(
        tmp_path, "1: fish\n2: a bird\n4: red apple\n5: lamp", "tench", "flamingo", "owl", "a_red_car", "lamp"
    )
    text = score(*files)
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
    by_hand = score(*files, accept=[2], reject=[4])
    assert "named: 2 of 5 (40%); decided by hand: 2" in by_hand
    assert [line.rpartition("   ")[2] for line in by_hand.splitlines()[:5]] == [
        "judge it yourself",
        "right, by hand",
        "no answer",
        "wrong, by hand",
        "right (lamp)",
    ]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("1 left\n6 right", "line 2 of .* answers number 6; the sheet has 1 to 5"),
        ("0 left", "line 1 of .* answers number 0; the sheet has 1 to 5"),
        ("1 left\n\n1 right", "line 3 of .* answers number 1 again"),
        ("left", "line 1 of .* is no answer: 'left'; begin it with a number"),
        ("1left", "line 1 of .* is no answer: '1left'"),
        ("-1 left", "line 1 of .* is no answer"),
        ("2 both", "the answer 'both' to number 2 is none; write one of left, right, even"),
        ("", "has no answers"),
        ("1\n2:\n# 3 left", "has no answers"),
    ],
)
def test_wrong_answers_are_refused(tmp_path: Path, answers: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(*write_pairs(tmp_path, answers))


@pytest.mark.parametrize(
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
        score(path, answers)


def test_missing_answers_are_refused(tmp_path: Path) -> None:
    key, answers = write_pairs(tmp_path, "1 left")
    answers.unlink()
    with pytest.raises(ValueError, match=r"the answers .*answers\.txt cannot be read"):
        score(key, answers)
    answers.write_bytes(b"1 \xff")
    with pytest.raises(ValueError, match=r"the answers .*answers\.txt cannot be read"):
        score(key, answers)


def test_only_names_that_were_given_are_decided_by_hand(tmp_path: Path) -> None:
    files = write_names(tmp_path, "1: bird\n2:", "flamingo", "owl")
    for number in (2, 3):
        with pytest.raises(ValueError, match=f"number {number} cannot be accepted or rejected: it has no answer"):
            score(*files, accept=[number])
        with pytest.raises(ValueError, match=f"number {number} cannot be accepted or rejected: it has no answer"):
            score(*files, reject=[number])
    with pytest.raises(ValueError, match="number 1 is both accepted and rejected"):
        score(*files, accept=[1], reject=[1])
    with pytest.raises(ValueError, match="this is the key of a sheet of pairs"):
        score(*write_pairs(tmp_path, "1 left"), accept=[1])


def test_the_command_line_draws_and_scores(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pairs", str(pair[0]), str(pair[1]), str(tmp_path / "p"), "--seed", "4"])
    assert capsys.readouterr().out.split() == [str(tmp_path / "p" / f"sheet_{number}.png") for number in (1, 2)]
    draw_pairs(*pair, tmp_path / "q", seed=4)
    assert (tmp_path / "p" / "key.json").read_bytes() == (tmp_path / "q" / "key.json").read_bytes()

    main(["naming", str(pair[0]), str(tmp_path / "n"), "--count", "3", "--seed", "2", "--cell", "300"])
    # What is printed gives nothing away.
    assert capsys.readouterr().out.split() == [str(tmp_path / "n" / "sheet.png")]
    draw_naming(pair[0], tmp_path / "m", seed=2, count=3, cell=300)
    assert (tmp_path / "n" / "sheet.png").read_bytes() == (tmp_path / "m" / "sheet.png").read_bytes()

    (tmp_path / "answers.txt").write_text("1: this\n2: thing\n3: that\n")
    arguments = [str(tmp_path / "n" / "key.json"), str(tmp_path / "answers.txt"), "--accept", "1, 3", "--reject", "2"]
    main(["score", *arguments])
    assert "named: 2 of 3 (67%); decided by hand: 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["naming", "/nowhere/at/all", "/tmp/out"], "/nowhere/at/all is no folder"),
        (["score", "/nowhere/key.json", "/nowhere/answers.txt"], "the key /nowhere/key.json cannot be read"),
        (["score", "key.json", "answers.txt", "--accept", "3;7"], "'3;7' is no list of numbers such as 3,7"),
        ([], "the following arguments are required: command"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    output = capsys.readouterr()
    assert message in output.err
    assert not output.out
