"""Pictures of a sweep in the quality benches: the same grid, the same pictures."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow")
pytest.importorskip("yaml")

import pyarrow.parquet as pq
from PIL import Image
from torchvision.transforms.functional import to_pil_image, to_tensor

from benchmarks import classes, pictures, swept, text
from benchmarks.recipes import PICTURE, SKETCH, Recipe
from repository import REPOSITORY
from sweeper.engine import Cell
from sweeper.grid import Grid, read_grid
from sweeper.results import Results, make_table
from sweeper.workflows import Plan, WorkflowRunner, Workflows, list_cells, make_plan

SWEEPS = REPOSITORY / "example_workflows" / "sweeps"
STEPS = 2


def load(name: str, folder: Path) -> tuple[Grid, Plan, list[Cell]]:
    grid = read_grid(SWEEPS / f"{name}.yaml")
    plan = make_plan(grid, folder, folder / "models", REPOSITORY)
    return grid, plan, list(list_cells(grid, Workflows(plan)).values())


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_example_is_a_grid_of_cells_and_those_of_quality_ask_for_what_the_benches_ask(tmp_path: Path) -> None:
    counts, asked = {}, {}
    for path in sorted(SWEEPS.glob("*.yaml")):
        grid, _, cells = load(path.stem, tmp_path)
        counts[path.stem] = len(cells)
        asked[path.stem] = {name: [option.label for option in options] for name, options in grid.axes.items()}
    assert counts == {"feature_atlas": 112, "quality_classes": 160, "quality_text": 40, "small": 12}
    assert asked["quality_classes"]["workflow"] == ["picture", "sketch"]
    assert asked["quality_classes"]["DAS_ClassObjective.classes"] == classes.WISHES
    assert tuple(asked["quality_text"]["DAS_TextObjective.text"]) == text.PROMPTS


def test_the_pictures_are_those_of_the_bench_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plan, cells = load("quality_classes", tmp_path)
    wanted = (classes.WISHES[0], 1)
    runner, results = WorkflowRunner(plan, 1), Results(tmp_path / "results")
    recipes = next(module for name, module in sys.modules.items() if name.endswith(".nodes.ascent.recipe"))
    for name, recipe in recipes.RECIPES.items():
        monkeypatch.setitem(recipes.RECIPES, name, replace(recipe, steps=STEPS))
    with results.claim("quality_classes"):
        for cell in cells:
            if (str(cell.columns[swept.WISH]), cell.columns[swept.SEED]) == wanted:
                folder = tmp_path / cell.hash
                folder.mkdir()
                row = {"cell": cell.hash, **cell.columns, "status": "ok", "seconds": 1.0, **runner(cell.task, folder)}
                results.save(row, {name: (folder / name).read_bytes() for name in row["pictures"]})
        results.write_table()
    monkeypatch.setattr(pictures, "FOLDER", tmp_path / "pictures")
    assert swept.take_pictures(results.path) == 2
    for recipe in (PICTURE, SKETCH):
        short = replace(recipe, steps=STEPS)
        image, _ = short.climb([Recipe.ask_class(short, wanted[0])], wanted[1])
        path = pictures.find_file(recipe, *wanted)
        assert torch.equal(to_tensor(Image.open(path)), to_tensor(to_pil_image(image[0])))
        assert json.loads(path.with_suffix(".json").read_text())["threads"] == 1


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(make_table([{"cell": "a"}]), tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=r"has no column DAS_ClassObjective\.classes, DAS_Optimize\.seed, workflow"):
        swept.take_pictures(tmp_path)
