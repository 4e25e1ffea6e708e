"""Files that are written whole or not at all."""

import os
from pathlib import Path

import pytest

from cases import each_case
from runner.whole_files import write_whole


@each_case(
    "name", ["a.png", *(letter * (240 // len(letter.encode())) + "_00001_.png" for letter in "x\u6c34\U0001f41f")]
)
def test_a_file_of_any_name_that_the_disk_allows_is_written_and_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_cannot_be_finished_leaves_what_was_there_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.png") as caught:
        write_whole(path, b"second")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone/a\.png"):
        write_whole(tmp_path / "gone" / "a.png", b"x")
