"""The notebook of the first pictures runs from its first cell to its last, and is stored without what came of it."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "first_pictures.ipynb"


def read_cells(kind: str) -> list[dict[str, Any]]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def test_the_cells_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "first_pictures.py"
    program.write_text("\n\n".join("".join(cell["source"]) for cell in read_cells("code")), encoding="utf-8")
    with torch.random.fork_rng():
        made = runpy.run_path(str(program))
    assert made["jellyfish"].image.shape == (1, 3, 96, 96)
    assert set(made["jellyfish"].scores) == {"jellyfish"}
    with Image.open(tmp_path / "volcano.gif") as film:
        assert film.n_frames == made["small"]["steps"]  # type: ignore[attr-defined]
    with Image.open(tmp_path / "morph.gif") as film:
        assert film.n_frames == 6  # type: ignore[attr-defined]
    castle, volcano = made["morph"].scores.values()
    assert castle[0] - volcano[0] > castle[-1] - volcano[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first_pictures.py", "morph.gif", "volcano.gif"]


def test_nothing_that_came_of_it_is_stored() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in read_cells("code"))


def test_its_links_lead_to_files() -> None:
    text = "".join("".join(cell["source"]) for cell in read_cells("markdown"))
    pages = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert all((NOTEBOOK.parent / page).is_file() for page in pages if page.endswith(".md"))
