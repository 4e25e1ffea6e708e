"""Journals: a row counts when its line is complete."""

from pathlib import Path

import pytest

from cases import each_case
from sweeper.journal import Journal, read_journals


def test_rows_come_back_from_all_journals(tmp_path: Path) -> None:
    Journal(tmp_path / "b.jsonl").append({"cell": "2", "text": "a\nb ü"})
    journal = Journal(tmp_path / "a.jsonl")
    journal.append({"cell": "1"})
    journal.append({"cell": "3"})
    (tmp_path / "note.txt").write_text("{}")
    found = list(read_journals(tmp_path))
    assert [path.name for path, _ in found] == ["a.jsonl", "b.jsonl"]
    assert [rows for _, rows in found] == [[{"cell": "1"}, {"cell": "3"}], [{"cell": "2", "text": "a\nb ü"}]]


@each_case("cut", [1, 2, 8, 20])
def test_a_row_that_was_cut_off_does_not_count_and_the_next_one_does(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.jsonl"
    Journal(path).append({"cell": "1", "text": "a long row"})
    Journal(path).append({"cell": "2", "text": "a long row"})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    ((_, rows),) = read_journals(tmp_path)
    assert [row["cell"] for row in rows] == (["1", "2"] if cut == 1 else ["1"])
    Journal(path).append({"cell": "3"})
    ((_, rows),) = read_journals(tmp_path)
    assert rows[-1] == {"cell": "3"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        Journal(tmp_path / "a.jsonl").append({"cell": "1"})


@each_case(
    "line",
    [
        "[" * 100_000,
        "7",
        "[]",
        '{"cell": 7}',
        '{"cell": ""}',
        '{"cell": "1", "status": ["ok"]}',
        '{"cell": "1", "status": "ok", "pictures": "x.png"}',
        '{"cell": "1", "status": "ok", "pictures": [["x.png"]]}',
        '{"cell": "1", "status": "ok", "message": {}}',
        '{"cell": "1", "status": "ok", "seconds": {"a": 1}}',
        '{"cell": "1", "status": "ok", "seconds": 1' + "0" * 400 + "}",
        '{"cell": "1", "status": "ok", "\\ud800": 1}',
    ],
)
def test_a_line_that_can_be_no_row_does_not_count(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{line}\n{{"cell": "2", "status": "ok"}}\n')
    ((_, rows),) = read_journals(tmp_path)
    assert rows == [{"cell": "2", "status": "ok"}]
