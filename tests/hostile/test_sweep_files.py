"""Strange folders of results: a sweep runs with them, or refuses them with a message of its own."""

import importlib.util
import json
import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

if any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow", "yaml", "jinja2")):
    pytest.skip("the optional extra sweep is not installed", allow_module_level=True)

import sweep as command
from das_core.runs import engine
from das_core.runs.engine import list_results_here
from das_core.runs.results import Results
from outcomes import Outcomes, RefusedError, pick, spoil_bytes
from sweep_grids import COLOR

pytestmark = pytest.mark.hostile

FILES = 16  # How many folders of results are tried
MOST_LINES = 40  # The most lines of a refusal: one for each fault of a grid, but no more than a user would read

GRID: dict[str, Any] = {"name": "castle", "workflow": "color.json", "only": ["SaveImage"], "set": {"1.batch": 2}}
GRID["axes"] = {"1.level": [0, 0.5, 1], "1.size": {"from": 4, "to": 8, "step": 4}}
GRID["sheet"] = {"columns": ["1.size"]}


@pytest.fixture
def sweep(
    tmp_path: Path, toy_pack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[str]]:
    """Runs the command line on grid.yaml as a user does, and returns its output; raises RefusedError if it refuses."""
    monkeypatch.setattr(engine, "list_results", list_results_here)
    (tmp_path / "color.json").write_text(json.dumps(COLOR))
    folders = [f"--{name}={tmp_path / name}" for name in ("results", "input", "models")]

    def run() -> tuple[str]:
        try:
            code = command.main([str(tmp_path / "grid.yaml"), "--workers=2", f"--pack={toy_pack}", *folders])
        except ValueError as error:
            raise AssertionError("the command line ends with a traceback") from error
        out, err = capsys.readouterr()
        if code in (2, 4):
            lines = [line for line in err.splitlines() if line.startswith("sweep: ")]
            assert 0 < len(lines) <= MOST_LINES, f"{len(lines)} lines"
            raise RefusedError(max(lines, key=len).removeprefix("sweep: "))
        assert code in (0, 3), code
        return (out,)

    return run


VALUES: list[Any] = [
    None, True, -1, 10**18, 2**63, 10**400, 0.5, float("nan"), float("-inf"), 1e308, "", "text", "\ud800", "x" * 10_000,
    "</script><script>alert(1)</script>", [], {}, ["a"], [None], [["a"]], ["/etc/hostname"], ["../color.json"], ["\0"],
    ["pictures/" + "x" * 300], ["pictures"], {"a": [1]}, "{}", '{"a": "b"}', '{"a": [1, null, {}]}', "[" * 3000,
]  # fmt: skip
"""Strange values, each of which may be in any field of a row."""

COLUMNS = (
    "cell", "workflow", "status", "message", "seconds", "load_seconds", "pictures", "texts", "changes", "settings",
    "1.level", "1.size", "peak_bytes", "pack", "finished", "judge_grey", "recognised", "\ud800", "", "a\nb", "x" * 300,
)  # fmt: skip


def make_row(generator: random.Random, cells: list[str]) -> dict[str, Any]:
    cell = pick(generator, [*cells, "other"])
    row: dict[str, Any] = {"cell": cell, "workflow": "color", "status": "ok", "seconds": 1.0}
    row["pictures"] = [f"pictures/{cell[:2]}/{cell}/color_00001_.png"]
    for _ in range(generator.randint(1, 3)):
        row[pick(generator, COLUMNS)] = pick(generator, VALUES)
    return row


def spoil_results(generator: random.Random, results: Path, cells: list[str]) -> str:
    """Damage a file of a folder of results, or put a strange file there; return a description of the attack."""
    kind = generator.randrange(5)
    cell = pick(generator, [*cells, "ab" * 16])
    path = results / "cells" / cell[:2] / cell / "row.json"
    if kind < 2:
        path.parent.mkdir(parents=True, exist_ok=True)
        row = make_row(generator, cells) | ({"cell": cell} if generator.random() < 0.7 else {})
        content = json.dumps(row, ensure_ascii=generator.random() < 0.5).encode("utf-8", "surrogatepass")
        path.write_bytes(content if kind else spoil_bytes(generator, content))
        return f"row {content[:600]!r}"
    names = ("table.parquet", "run.json", "sheet.png", ".lock")
    spoiled = pick(generator, [path, *(results / name for name in names)])
    if kind == 4:
        spoiled = pick(generator, [spoiled, path.parent, path.parents[1], path.parents[2], results / "ray.log"])
        whole, target = results.with_name("whole") / spoiled.relative_to(results), results.with_name("outside")
        shutil.rmtree(spoiled, ignore_errors=True)
        spoiled.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        if whole.is_dir():
            shutil.copytree(whole, target)
        spoiled.parent.mkdir(parents=True, exist_ok=True)
        pick(generator, [lambda: os.mkfifo(spoiled), lambda: spoiled.symlink_to(target)])()
        return f"link or pipe {spoiled.relative_to(results)}"
    if kind == 2 and spoiled.parent.is_dir():
        content = spoiled.read_bytes() if spoiled.is_file() else b""
        spoiled.write_bytes(spoil_bytes(generator, content) if len(content) > 4 else b"[" * 100_000)
        return f"bytes of {spoiled.name}"
    spoiled.unlink(missing_ok=True)
    spoiled.mkdir(parents=True, exist_ok=True)
    return f"folder {spoiled.name}"


def look(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_folders_of_results(tmp_path: Path, sweep: Callable[[], tuple[str]], outcomes: Outcomes, scale: int) -> None:
    (tmp_path / "grid.yaml").write_text(json.dumps(GRID))
    results, whole = tmp_path / "results", tmp_path / "whole"
    sweep()
    known = Results(results)
    known.read()
    cells = list(known.rows)
    shutil.move(results, whole)
    for seed in range(FILES * scale):
        generator = random.Random(seed)
        shutil.rmtree(results, ignore_errors=True)
        shutil.copytree(whole, results)
        what = spoil_results(generator, results, cells)
        outside = look(tmp_path / "outside")
        outcome = outcomes.attempt(sweep, partial("folder {}: {}".format, seed, what))
        assert look(tmp_path / "outside") == outside, what
        page = results / "index.html"
        if outcome and page.is_file():
            assert "</script><script>alert" not in page.read_text(encoding="utf-8")
    assert not outcomes.counts["interrupted"]
    assert outcomes.counts["done"] >= FILES * scale / 4
