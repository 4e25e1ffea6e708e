"""Running cells in one process: pictures, rows, failures, and a disk that is full."""

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import run_workflow
from cases import each_case
from sweep_grids import COLOR, FAILING
from sweeper.cell_runner import CellRunner, name_worker, read_peak_memory
from sweeper.cells import Cell
from sweeper.errors import SweepStoppedError
from sweeper.journal import read_journals
from sweeper.plan import Plan, Task
from sweeper.results_folder import ResultsFolder
from sweeper.table import COLUMNS

Prepare = Callable[..., tuple[Plan, list[Cell]]]
Write = Callable[..., Path]
GRID = "workflow: color.json\naxes: {1.level: [0.25, 1]}"
KEEP = {"class_type": "TOY_Keep", "inputs": {"image": ["1", 0]}, "_meta": {"title": "Keep"}}
REPORT: dict[str, Any] = {"class_type": "TOY_Report", "inputs": {"image": ["1", 0]}}
SEEN = COLOR | {"4": REPORT | {"_meta": {"title": "Seen"}}}


def test_a_cell_saves_what_run_workflow_saves(prepare: Prepare, write_grid: Write, pack: Path, tmp_path: Path) -> None:
    plan, cells = prepare(write_grid(GRID))
    row = CellRunner(plan, "w").run(Task.of(cells[0]))
    assert row["pictures"] == [f"pictures/{row['cell'][:2]}/{row['cell']}/color_00001_.png"]
    single = tmp_path / "single"
    list(run_workflow.run(tmp_path / "color.json", ["1.level=0.25"], single, tmp_path, tmp_path, pack))
    picture = tmp_path / "results" / row["pictures"][0]
    assert picture.read_bytes() == (single / "color_00001_.png").read_bytes()


def test_the_row_says_everything_about_the_cell(prepare: Prepare, write_grid: Write) -> None:
    plan, cells = prepare(write_grid(GRID))
    row = CellRunner(plan, "w").run(Task.of(cells[1]))
    assert (row["cell"], row["workflow"], row["1.level"], row["status"]) == (cells[1].hash, "color", 1, "ok")
    assert json.loads(row["settings"]) == {"1.level": 1}
    assert json.loads(row["changes"]) == {"1": {"size": 8, "level": 1.0}}
    assert (row["threads"], row["worker"], row["pack"], row["torch"]) == (1, "w", "toy", torch.__version__)
    assert row["device"].startswith(("cpu", "cuda", "mps"))
    assert row["seconds"] > row["load_seconds"] > 0
    ((_, rows),) = read_journals(ResultsFolder(Path(plan.results)).journals)
    assert rows == [row]


def test_its_columns_are_those_that_no_axis_may_have(prepare: Prepare, write_grid: Write) -> None:
    grid = write_grid("workflow: color.json\nset: {2.filename_prefix: volcano}\naxes: {1.level: [1]}")
    plan, cells = prepare(grid, judge=("class", "2.filename_prefix"))
    row = CellRunner(plan, "w").run(Task.of(cells[0]))
    assert row.keys() - {"1.level"} == COLUMNS


def test_loading_counts_once(prepare: Prepare, write_grid: Write) -> None:
    plan, cells = prepare(write_grid(GRID))
    runner = CellRunner(plan, "w")
    first, second = (runner.run(Task.of(cells[1])) for _ in range(2))
    assert first["load_seconds"] > second["load_seconds"]
    assert first["seconds"] > first["load_seconds"]


@each_case(
    ("kind", "message"),
    [("value", "node 3 (TOY_Fail): no class 'tabbi'"), ("runtime", "RuntimeError: broken node (")],
)
def test_what_a_node_raises_becomes_the_message_of_the_row(
    prepare: Prepare, write_grid: Write, kind: str, message: str
) -> None:
    nodes = FAILING | {"3": FAILING["3"] | {"inputs": {"kind": kind, "after": ["1", 0]}}}
    plan, cells = prepare(write_grid(GRID, nodes))
    runner = CellRunner(plan, "w")
    row = runner.run(Task.of(cells[0]))
    assert row["status"] == "failed"
    assert row["message"].startswith(message)
    assert runner.run(Task.of(cells[1]))["status"] == "failed", "the worker goes on"
    assert not list(Path(plan.results, "pictures").iterdir())


@each_case(
    ("nodes", "title"),
    [
        (SEEN, "Seen"),
        # A node without a title, which runs before SaveImage and saves a picture too.
        ({"1": COLOR["1"], "0": REPORT, "2": COLOR["2"]}, "Report"),
    ],
)
def test_texts_and_pictures_are_kept_under_the_titles_of_their_nodes_the_picture_of_save_image_first(
    prepare: Prepare, write_grid: Write, nodes: dict[str, Any], title: str
) -> None:
    plan, cells = prepare(write_grid(GRID, nodes))
    row = CellRunner(plan, "w").run(Task.of(cells[0]))
    assert json.loads(row["texts"]) == {title: ["1 images"]}
    assert [Path(name).name for name in row["pictures"]] == ["color_00001_.png", f"{title}_00001_.png"]


def test_it_judges_the_picture_that_the_grid_names(prepare: Prepare, write_grid: Write) -> None:
    plan, cells = prepare(write_grid(GRID, SEEN), judge=("class", "2.filename_prefix", "Seen"))
    judged: list[Path] = []
    runner = CellRunner(plan, "w")

    class Judge:
        def judge(self, picture: Path, built: object) -> dict[str, Any]:
            judged.append(picture)
            return {"recognised": Image.open(picture).size == (8, 8)}

    runner._judge = Judge()  # type: ignore[assignment]
    row = runner.run(Task.of(cells[0]))
    assert row["recognised"] is True
    assert row["judge_seconds"] >= 0
    assert [path.name for path in judged] == ["Seen_00001_.png"]


def test_a_file_that_is_no_picture_is_kept_but_neither_rated_nor_shown(prepare: Prepare, write_grid: Write) -> None:
    nodes = {"1": COLOR["1"], "0": KEEP, "4": REPORT}
    grid = write_grid("workflow: color.json\nset: {1.size: 16}\naxes: {1.level: [1]}", nodes)
    plan, cells = prepare(grid, judge=("class", "1.size"))
    row = CellRunner(plan, "w").run(Task.of(cells[0]))
    assert (row["status"], row["judge"]) == ("ok", "EfficientNet-Lite2")
    first, second = (Path(name).name for name in row["pictures"])
    assert first.endswith(".png")
    assert second == "kept.stack"


@each_case(
    ("nodes", "judge", "message"),
    [
        ({"0": KEEP}, (), "judge: the cell saved no picture to rate, only kept.stack; name a node"),
        ({"0": KEEP, "2": COLOR["2"]}, ("Keep",), "judge: node 0 (TOY_Keep) saved no picture to rate, only kept.stack"),
        (
            {"5": {"class_type": "PreviewAny", "inputs": {"source": "x"}}},
            (),
            "judge: the cell saved no picture to rate;",
        ),
    ],
)
def test_a_cell_without_a_picture_to_rate_keeps_its_files_and_says_so(
    prepare: Prepare, write_grid: Write, nodes: dict[str, Any], judge: tuple[str, ...], message: str
) -> None:
    report = {"4": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}}
    plan, cells = prepare(write_grid(GRID, {"1": COLOR["1"]} | report | nodes), judge=("class", "1.size", *judge))
    row = CellRunner(plan, "w").run(Task.of(cells[0]))
    assert row["status"] == "ok"
    assert row["message"].startswith(message)
    assert "judge" not in row
    assert all((Path(plan.results) / name).is_file() for name in row["pictures"])


def test_a_worker_with_another_pack_stops(prepare: Prepare, write_grid: Write) -> None:
    plan, cells = prepare(write_grid(GRID))
    with pytest.raises(SweepStoppedError, match="finds another cell under the same settings"):
        CellRunner(plan, "w").run(Task.of(replace(cells[0], hash="0" * 32)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_stops_the_sweep_and_no_cell_is_at_fault(prepare: Prepare, write_grid: Write) -> None:
    plan, cells = prepare(write_grid(GRID))
    (Path(plan.results) / "journal" / "w.jsonl").symlink_to("/dev/full")
    with pytest.raises(SweepStoppedError, match=r"nothing more can be written: No space left.*make room"):
        CellRunner(plan, "w").run(Task.of(cells[0]))


def test_a_picture_that_does_not_fit_on_the_disk_stops_it_too(
    prepare: Prepare, write_grid: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, cells = prepare(write_grid(GRID))

    def save(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    runner = CellRunner(plan, "w")
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(SweepStoppedError, match="No space left"):
        runner.run(Task.of(cells[0]))
    ((_, rows),) = list(read_journals(Path(plan.results) / "journal")) or [("", [])]
    assert rows == []


def test_a_worker_is_named_by_its_host_its_process_and_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for moment in (1_000_000, 1_001_000_000):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        names.append(name_worker())
    assert names == [f"{socket.gethostname()}-{os.getpid()}-{milliseconds:x}" for milliseconds in (1, 1001)]


def test_the_peak_of_memory_is_in_bytes() -> None:
    # torch alone needs more than 50 MiB; a number of KiB would be smaller than that.
    assert 50 * 2**20 < read_peak_memory() < 2**40
