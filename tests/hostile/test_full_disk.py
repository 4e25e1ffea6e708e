"""A full disk, wherever the pack writes: existing files stay, no file is half-written, and a message says what helps.

tests/nodes/bridge/test_stack_folders.py tests the same for stacks.
"""

import importlib.util
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import run_workflow
from cases import each_case
from loaded_pack import Pack
from outcomes import Outcomes
from sweep_grids import COLOR

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


@each_case("suffix", [".gif", ".png", ".webp", ".mp4"])
def test_films(pack: Pack, tmp_path: Path, outcomes: Outcomes, scale: int, suffix: str) -> None:
    save_film = pack.module("das_core").save_film
    path, frames = tmp_path / f"film{suffix}", torch.rand(6, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    save_film(frames, path)
    whole = path.read_bytes()
    for room in list_room(len(whole), scale):
        with fill_disk(room), pytest.raises(OSError, match="File too large"):
            save_film(frames, path)
        assert path.read_bytes() == whole
        assert list(tmp_path.iterdir()) == [path]
        outcomes.counts["refused"] += 1


def test_a_projection_is_not_kept_by_half_and_is_named(pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    path = pack.home / "first" / "full" / "tower.safetensors"
    path.parent.mkdir(parents=True)
    with fill_disk(4096):
        pack.module("das_core.models.sources.kept_tensors").write_tensors(path, "key", {"a": torch.ones(64, 64)})
    assert "could not be kept" in caplog.text
    assert not list(path.parent.iterdir())


@each_case("kind", ["SaveImage", "PreviewImage", "SaveVideo"])
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


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs the extra atlas")
def test_atlases(tmp_path: Path, outcomes: Outcomes, scale: int) -> None:
    from das_core.runs.cells import RunsError, RunsStoppedError
    from small_atlas import list_rows, make_atlas
    from toys import classifier

    given: Any = (classifier(classes=600), "classes", 16)
    whole = make_atlas(tmp_path / "whole", *given)
    sizes = {path.suffix: path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file()}
    # The activations are larger than what is written before and after them, but for the page.
    for room in [*list_room(2000, scale), *list_room(sizes[".html"], scale), sizes[".npy"] - 1, sizes[".html"] - 1]:
        path = tmp_path / f"{outcomes.counts['refused']}"
        with fill_disk(room), pytest.raises((RunsStoppedError, RunsError), match=r"make room|choose another folder"):
            make_atlas(path, *given)
        outcomes.counts["refused"] += 1
        before = list_rows(path)
        assert make_atlas(path, *given) == whole
        assert before.items() <= list_rows(path).items()
        assert not list(path.rglob(".*.part"))
