"""The folder of results: whose it is, and that one sweep at a time writes to it."""

import json
import os
from pathlib import Path

import pytest

from cases import each_case
from sweeper.errors import SweepError
from sweeper.journal import Journal
from sweeper.results_folder import ResultsFolder, move_folder
from sweeper.table import Table


def test_a_folder_belongs_to_a_sweep(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "deep" / "results")
    folder.claim("mine")
    folder.claim("mine")
    assert folder.pictures_of("abcd") == folder.pictures / "ab" / "abcd"
    with pytest.raises(SweepError, match="holds the results of another sweep, 'mine'; this one is 'other'"):
        folder.claim("other")


@each_case(
    ("name", "text", "folder", "message"),
    [
        ("photo.jpg", "", "", "holds files that are no results"),
        ("photo.jpg", "", "photo.jpg", "is no folder"),
        # Marks of other versions.
        *(
            ("sweep.json", text, "", "choose another folder")
            for text in ("{", "[]", json.dumps({"format": 99, "name": "mine"}))
        ),
        # Also root, who may write anywhere, cannot make a folder below a file or in /proc.
        ("file", "", "file/results", "cannot write to"),
        *([("file", "", "/proc/self/results", "cannot write to /proc/self/results")] * os.path.isdir("/proc/self")),
    ],
)
def test_a_folder_of_something_else_or_that_cannot_be_written_to_is_refused(
    tmp_path: Path, name: str, text: str, folder: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SweepError, match=message):
        ResultsFolder(tmp_path / folder).claim("mine")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_whose_first_file_does_not_fit_can_be_used_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", write)
        with pytest.raises(SweepError, match=r"cannot write to .*: No space left on device"):
            ResultsFolder(tmp_path / "results").claim("mine")
    ResultsFolder(tmp_path / "results").claim("mine")


def test_one_sweep_at_a_time(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("mine")
    with folder.lock(print), pytest.raises(SweepError, match="another sweep is at work"), folder.lock(print):
        pass
    with folder.lock(print):
        pass


def test_it_waits_for_workers_of_the_sweep_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("mine")
    held = [folder.hold(), folder.hold()]
    said: list[str] = []

    def sleep(seconds: float) -> None:
        held.pop().close()

    monkeypatch.setattr("time.sleep", sleep)
    with folder.lock(said.append):
        assert (len(said), held) == (1, [])


def test_whether_workers_are_at_work(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("mine")
    assert not folder.has_workers()
    with folder.hold():
        assert folder.has_workers()
    assert not folder.has_workers()


def test_what_was_never_finished_is_removed(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("mine")
    (folder.pictures / ".part-worker").mkdir()
    (folder.pictures / ".part-worker" / "a.png").write_text("")
    folder.pictures_of("abcd").mkdir(parents=True)
    with folder.lock(print):
        assert [path.name for path in folder.pictures.iterdir()] == ["ab"]


def test_journals_are_collected(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("mine")
    Journal(folder.journals / "w.jsonl").append({"cell": "1", "status": "ok"})
    table = Table(folder.table)
    assert folder.collect(table) == [folder.journals / "w.jsonl"]
    assert table.states == {"1": "ok"}


def test_a_finished_folder_takes_the_place_of_one_that_was_left(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.png").write_text("")
    move_folder(tmp_path / "new", tmp_path / "old")
    move_folder(tmp_path / "old", tmp_path / "ab" / "abcd")
    assert [path.name for path in (tmp_path / "ab" / "abcd").iterdir()] == ["new.png"]
