"""The folder of results: whose it is, that one process writes there, what counts as a result, and the table."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cases import each_case
from das_core.runs.cells import RunsError, RunsStoppedError
from das_core.runs.results import Results
from repository import REPOSITORY


def row(cell: str, **columns: Any) -> dict[str, Any]:
    return {"cell": cell, "status": "ok", "message": None, "pictures": [], **columns}


def test_what_is_saved_is_read_again_and_a_later_result_replaces_the_earlier(tmp_path: Path) -> None:
    results = Results(tmp_path / "deep" / "results")
    with results.claim("mine"):
        results.save(row("abcd", status="failed", message="no file \ud800x", seed=2**70), {"old/a.png": b"old"})
        results.save(row("ef01", pictures=["a/\udcff.png"], seconds=float("nan")), {"a/b.png": b"pixels"})
        results.save(row("abcd", level=0.5), {"new.png": b"new"})
    again = Results(results.path)
    with again.claim("mine"):
        assert again.rows.keys() == {"abcd", "ef01"}
        assert again.rows["abcd"] == row("abcd", level=0.5)
        assert again.rows["ef01"]["pictures"] == ["cells/ef/ef01/a/?.png"]
        files = sorted(path.name for path in (results.path / "cells").rglob("*") if path.is_file())
        assert files == ["b.png", "new.png", "row.json", "row.json"]


@each_case(
    ("name", "text", "message"),
    ("photo.jpg", "", "holds files that are no results"),
    ("run.json", '{"format": 99, "name": "mine"}', "is of another run"),
    ("run.json", '{"format": 1, "name": "other"}', "is of another run"),
    ("run.json", "[" * 100_000, "is of another run"),
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    if name == "photo.jpg":
        (tmp_path / "link").symlink_to(tmp_path)  # Of such a folder, it is not what matters.
    kept = []  # As in a notebook, which keeps the last error: it does not keep the folder locked.
    for _ in range(2):
        with pytest.raises(RunsError, match=message) as error, Results(tmp_path).claim("mine"):
            pass
        kept.append(error)
    assert sorted({path.name for path in tmp_path.iterdir()} - {".lock", "link"}) == [name]
    with pytest.raises(RunsError, match="cannot write to"), Results(tmp_path / name).claim("mine"):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@each_case("kind", "link to a folder", "link to a file", "link to nothing", "pipe")
@each_case(
    "name", ".lock", "run.json", "cells", "cells/ab", "cells/ab/abcd", "cells/ab/abcd/row.json", "cells/ab/abcd/a",
    "cells/ab/abcd/a/b.png", "table.parquet", "index.html", "ray.log", "photographs", "deep/er/x", ".x.0a1b2c3d.part",
)  # fmt: skip
def test_a_link_or_a_pipe_anywhere_in_it_is_refused_and_not_followed(tmp_path: Path, name: str, kind: str) -> None:
    results, outside = Results(tmp_path / "results"), tmp_path / "outside"
    with results.claim("mine"):
        results.save(row("abcd", pictures=["a/b.png"]), {"a/b.png": b"pixels"})
    spoiled = results.path / name
    if spoiled.is_dir():
        shutil.move(spoiled, outside)
    else:
        outside.mkdir()
        spoiled.parent.mkdir(parents=True, exist_ok=True)
        (outside / "run.json").write_bytes((results.path / "run.json").read_bytes())
        spoiled.unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    if kind == "pipe":
        os.mkfifo(spoiled)
    else:
        spoiled.symlink_to(outside / {"link to a folder": "", "link to a file": "run.json"}.get(kind, "nothing"))
    with pytest.raises(RunsError, match=r"is a link, a pipe or a device, .*; remove it"), results.claim("mine"):
        results.save(row("abcd"), {})
    with pytest.raises(RunsError, match="is a link, a pipe"):
        Results(results.path).read()
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_a_folder_in_which_a_kill_left_a_part_of_its_first_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".run.json.0a1b2c3d.part").write_text("{")
    with Results(tmp_path).claim("mine"):
        assert {path.name for path in tmp_path.iterdir()} == {".lock", "run.json"}


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.scandir

    def scan(folder: str) -> Any:  # As if it had only the permission to open what it holds by name.
        if str(folder).endswith("ab"):
            raise PermissionError(13, "Permission denied")
        return whole(folder)

    (tmp_path / "cells" / "ab").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(RunsError, match=r"ab cannot be read \(Permission denied\); remove it"):
        Results(tmp_path).read()


def test_a_file_that_never_ends_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Results(tmp_path).claim("mine"):
        os.truncate(tmp_path / "run.json", 2**40)  # It takes no room.
    monkeypatch.setattr("das_core.runs.results._LARGEST", 2**20)
    with pytest.raises(RunsError, match="is of another run, damaged"), Results(tmp_path).claim("mine"):
        pass


def test_one_process_writes_and_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path += {[str(REPOSITORY), str(REPOSITORY / "tools")]}
from pathlib import Path
from das_core.runs.results import Results
with Results(Path({str(tmp_path / "results")!r})).claim("mine"):
    print("claimed", flush=True)
    sys.stdin.read()
"""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(RunsError, match="another run is at work"), Results(tmp_path / "results").claim("mine"):
            pass
        other.kill()
    for name in (".run.json.0a1b2c3d.part", ".table.parquet.0a1b2c3d.part"):
        (tmp_path / "results" / name).touch()
    with Results(tmp_path / "results").claim("mine"):
        assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [".lock", "run.json"]


@each_case(
    "spoil",
    lambda text: text[:20],
    lambda text: text.replace(b'"ok"', b'"great"'),
    lambda text: text.replace(b"abcd", b"abce"),
    lambda text: text.replace(b"null", b"[1]"),
    lambda text: b"[" * 100_000,
)
def test_a_row_that_is_not_whole_is_no_result(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    results = Results(tmp_path)
    with results.claim("mine"):
        results.save(row("abcd"), {})
    path = tmp_path / "cells" / "ab" / "abcd" / "row.json"
    path.write_bytes(spoil(path.read_bytes()))
    results.read()
    assert results.rows == {}


@each_case(
    ("values", "kind", "found"),
    ([1, 2], pa.int64(), [1, 2]),
    ([1, 0.5], pa.float64(), [1.0, 0.5]),
    ([1, "two"], pa.string(), ["1", "two"]),
    ([True, 1], pa.string(), ["True", "1"]),
    ([2**63, 1], pa.string(), [str(2**63), "1"]),
)
def test_a_column_has_the_type_of_its_values_or_is_text(
    tmp_path: Path, values: list[Any], kind: pa.DataType, found: list[Any]
) -> None:
    results = Results(tmp_path)
    results.rows = {str(number): row(str(number), value=value) for number, value in enumerate(values)}
    results.write_table()
    table = pq.ParquetFile(tmp_path / "table.parquet").read()
    assert table.schema.field("value").type == kind
    assert table["value"].to_pylist() == found
    assert table.schema.field("pictures").type == pa.list_(pa.string())


def test_a_write_that_fails_leaves_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, path = Results(tmp_path), tmp_path / "table.parquet"
    with results.claim("mine"):
        results.save(row("abcd"), {})
        assert not path.exists(), "not after every cell"
        monkeypatch.setattr(results, "_next_write", 0.0)
        results.save(row("ef01", seed=1), {})
        assert pq.ParquetFile(path).read().to_pylist() == [row("abcd", seed=None), row("ef01", seed=1)]
        before = path.read_bytes()
        monkeypatch.setattr(pq, "write_table", Mock(side_effect=OSError(28, "No space left on device")))
        with pytest.raises(RunsStoppedError, match=r"table\.parquet cannot be written: No space left.*make room"):
            results.write_table()
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
