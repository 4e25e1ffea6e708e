"""What a blind test shows, in which order and on which side, what its key says, and everything that is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.blind_sheets import OUTER
from benchmarks.blind_trials import draw_naming, draw_pairs, find_pictures
from blind_pictures import TWENTY, colour, fill, fill_pair, find_box, find_boxes, read_key, read_sheet, reading_order
from cases import each_case


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of twenty pictures of the same names."""
    return fill_pair(tmp_path)


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


@each_case("count", [20, 7])
def test_each_folder_is_as_often_left_as_right(tmp_path: Path, count: int) -> None:
    a, b = fill(tmp_path / "a", TWENTY[:count]), fill(tmp_path / "b", TWENTY[:count], 1)
    seen = set()
    for seed in range(5):
        draw_pairs(a, b, tmp_path / f"out{seed}", seed)
        sides = tuple(entry["a"] for entry in read_key(tmp_path / f"out{seed}")["pairs"].values())
        assert abs(sides.count("left") - sides.count("right")) == count % 2
        seen.add(sides)
    assert len(seen) > 1


@each_case("kind", ["pairs", "naming"])
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


@each_case(
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


@each_case(
    ("draw", "message"),
    [
        (lambda a, b, out: draw_pairs(a, b, out), r"/b lacks cat, owl, which \S+/a has; pairs need both pictures"),
        (lambda a, b, out: draw_pairs(b, a, out), r"/b lacks cat, owl, which \S+/a has; pairs need both pictures"),
        (lambda a, b, out: draw_naming(a, b / "dog.png"), r"{b}/dog\.png cannot be written"),
        (lambda a, b, out: draw_naming(a, b / "dog.png" / "out"), r"{b}/dog\.png/out cannot be written"),
        (lambda a, b, out: draw_naming(a, out, count=0), "count 0 is too few"),
        (
            lambda a, b, out: draw_naming(a, out, cell=223),
            "cells of 223 pixels are too small to judge by; take at least 224",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, draw: Callable[..., object], message: str) -> None:
    a, b = fill(tmp_path / "a", ["cat", "dog", "owl"]), fill(tmp_path / "b", ["dog"])
    with pytest.raises(ValueError, match=message.replace("{b}", str(b))):
        draw(a, b, tmp_path / "out")


@each_case("left", ["key.json", "sheet.png", "sheet_2.png"])
def test_sheets_and_keys_of_before_are_never_mixed_with_new_ones(tmp_path: Path, left: str) -> None:
    folder = fill(tmp_path / "a", ["cat"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / left).write_text("of before")
    with pytest.raises(ValueError, match="out already has sheets or a key"):
        draw_pairs(folder, folder, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [left]
    assert (tmp_path / "out" / left).read_text() == "of before"
