"""A full disk, wherever the pack writes: existing files stay, no file is half-written, and a message says what helps.

tests/nodes/bridge/test_stack_folders.py tests the same for stacks.
"""

import importlib.util
import json
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import direct_ascent as da
import run_workflow
from cases import each_case
from das_core.models.words import keep_words
from outcomes import Outcomes
from sweep_grids import COLOR
from toys import climb

if sys.platform == "win32":
    pytest.skip("needs limits of the size of files", allow_module_level=True)

from full_disk import fill_disk

pytestmark = pytest.mark.hostile
Capture = pytest.CaptureFixture[str]

FILLED = 3  # How many full disks are simulated for each kind of file, each with room for another number of bytes


def list_room(whole: int, scale: int) -> list[int]:
    """Return how many bytes of a file of `whole` bytes each of the simulated disks has room for; the first for none."""
    generator = random.Random(whole)
    return [0, *(generator.randrange(1, whole) for _ in range(FILLED * scale - 1))]


def test_what_the_library_writes(tmp_path: Path) -> None:
    pages, made = pytest.importorskip("das_core.atlas.collection"), climb(steps=1)
    frames = torch.rand(6, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    writers: dict[str, Callable[[Path], Any]] = {
        **dict.fromkeys(("a.gif", "a.png", "a.webp", "a.mp4"), partial(da.save_film, frames)),
        "stack.safetensors": partial(da.stack.save_stack, made.stack),
        "picture.png": made.save,
        "kept.safetensors": lambda path: keep_words(path, "key", frames),
        "index.html": lambda path: pages.save_collection(path.parent, pages.Collection("a", 1)),
    }
    for name, write in writers.items():
        write(tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert writers.keys() < {path.name for path in before}
    for name, write in writers.items():
        with fill_disk(100), suppress(OSError):
            write(tmp_path / name)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before, name


@each_case("kind", "SaveImage", "PreviewImage", "SaveVideo")
def test_pictures_of_the_runner(tmp_path: Path, toy_pack: Path, scale: int, capsys: Capture, kind: str) -> None:
    source = {"video": ["3", 0]} if kind == "SaveVideo" else {"images": ["1", 0]}
    film = {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 6.0}}
    color = {**COLOR["1"], "inputs": {"size": 16, "level": 0.3, "batch": 3}}
    path, output = tmp_path / "workflow.json", tmp_path / "output"
    saver = {"class_type": kind, "inputs": source | {"filename_prefix": "color"}}
    path.write_text(json.dumps({"1": color, "2": saver, "3": film}))
    arguments = [str(path), "--pack", str(toy_pack), "--output", str(output)]
    assert run_workflow.main(arguments) == 0
    before = {file: file.read_bytes() for file in output.iterdir()}
    for room in list_room(min(map(len, before.values())), scale):
        with fill_disk(room):
            assert run_workflow.main(arguments) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("run_workflow: ")]
        assert f"{output}/" in line
        assert line.endswith("free some space there, or choose another folder with --output"), line
        assert {file: file.read_bytes() for file in output.iterdir()} == before


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow", "yaml", "jinja2")),
    reason="needs the extra sweep",
)
def test_sweeps(
    tmp_path: Path, toy_pack: Path, outcomes: Outcomes, scale: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    import pyarrow.parquet as pq

    import sweep
    from das_core.runs import engine
    from das_core.runs.engine import list_results_here

    monkeypatch.setattr(engine, "list_results", list_results_here)
    (tmp_path / "color.json").write_text(json.dumps(COLOR))
    path = tmp_path / "grid.yaml"
    path.write_text("workflow: color.json\naxes: {1.level: [0, 0.5, 1], 1.size: [4, 8]}")
    for number, room in enumerate([*list_room(2000, scale), *list_room(20_000, scale)]):
        results = tmp_path / f"results{number}"
        arguments = [str(path), "--pack", str(toy_pack), "--results", str(results), "--workers", "2"]
        with fill_disk(room):
            code = sweep.main(arguments)
        said = capsys.readouterr().err
        lines = [line for line in said.splitlines() if line.startswith("sweep: ")]
        assert (code, len(lines)) in ((4, 1), (2, 1), (0, 0)), said
        assert "make room" in said or "choose another folder with --results" in said or not code, said
        outcomes.counts["refused" if code else "done"] += 1
        # The same command again, now that there is room.
        assert sweep.main(arguments) == 0
        table = pq.ParquetFile(results / "table.parquet").read().to_pylist()
        assert [row["status"] for row in table] == ["ok"] * 6
        assert all((results / row["pictures"][0]).is_file() for row in table)
        assert not [file for file in results.rglob("*") if ".part" in file.name]
