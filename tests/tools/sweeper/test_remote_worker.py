"""The class that Ray runs, without Ray."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from repository import REPOSITORY
from sweeper.cells import Cell
from sweeper.plan import Plan, Task
from sweeper.remote_worker import RemoteWorker, can_see

Prepare = Callable[..., tuple[Plan, list[Cell]]]
GRID = "workflow: color.json\naxes: {1.level: [0.25, 1]}"


@pytest.fixture(autouse=True)
def path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def test_a_worker_that_sees_the_results_writes_them(prepare: Prepare, write_grid: Callable[..., Path]) -> None:
    plan, cells = prepare(write_grid(GRID))
    worker = RemoteWorker(str(REPOSITORY), plan.to_json(), None)
    kind, name, _ = worker.prepare()
    assert kind == "ready"
    kind, row, files = worker.run(Task.of(cells[0]).to_json())
    assert (kind, row["worker"], files) == ("row", name, {})
    assert (Path(plan.results) / row["pictures"][0]).is_file()


def test_a_worker_that_does_not_sends_its_pictures(
    prepare: Prepare, write_grid: Callable[..., Path], pack: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "worker").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "worker"))
    monkeypatch.setattr("tempfile.tempdir", None)
    plan, cells = prepare(write_grid(GRID))
    worker = RemoteWorker(str(REPOSITORY), plan.to_json(), {"a/photo.png": b"image"})
    worker._home = str(pack)  # in place of what Ray has unpacked
    monkeypatch.setattr(sys, "path", [str(REPOSITORY / "tools"), str(REPOSITORY), *sys.path])
    assert worker.prepare()[0] == "ready"
    kind, row, files = worker.run(Task.of(cells[0]).to_json())
    assert kind == "row"
    (name,) = row["pictures"]
    assert files[name].startswith(b"\x89PNG")
    assert not list(Path(plan.results, "pictures").iterdir())
    (own,) = (tmp_path / "worker").iterdir()
    assert (own / "input" / "a" / "photo.png").read_bytes() == b"image"
    assert not list(own.rglob("results/**/*.png")), "nothing stays at the worker"


def test_what_stops_a_worker_is_said(prepare: Prepare, write_grid: Callable[..., Path], tmp_path: Path) -> None:
    plan, cells = prepare(write_grid(GRID))
    broken = replace(plan, only=["nobody"])
    kind, message, _ = RemoteWorker(str(REPOSITORY), broken.to_json(), None).prepare()
    assert kind == "stop"
    assert "a worker cannot start: workflow color: no node 'nobody'" in message
    worker = RemoteWorker(str(REPOSITORY), plan.to_json(), None)
    worker.prepare()
    kind, message, _ = worker.run(Task.of(replace(cells[0], hash="0" * 32)).to_json())
    assert (kind, "another cell" in message) == ("stop", True)


def test_whether_a_machine_sees_the_folders(tmp_path: Path) -> None:
    (tmp_path / "mark").write_text("x")
    assert can_see(str(tmp_path / "mark"), "x", str(REPOSITORY))
    assert not can_see(str(tmp_path / "mark"), "y", str(REPOSITORY))
    assert not can_see(str(tmp_path / "none"), "x", str(REPOSITORY))
    assert not can_see(str(tmp_path / "mark"), "x", str(tmp_path))
