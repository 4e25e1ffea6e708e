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

from PIL import Image
from torchvision.transforms.functional import to_pil_image, to_tensor

from benchmarks import classes, pictures, swept, text
from benchmarks.recipes import PICTURE, SKETCH, Recipe
from repository import REPOSITORY
from sweeper.cell_runner import CellRunner
from sweeper.cells import Cell
from sweeper.grid_cells import GridWorkflows, list_cells, read_prompts
from sweeper.grid_file import Grid, read_grid
from sweeper.plan import Plan, Task
from sweeper.results_folder import ResultsFolder
from sweeper.table import Table

SWEEPS = REPOSITORY / "example_workflows" / "sweeps"
STEPS = 2


def read(name: str, settings: dict[str, int] | None = None) -> Grid:
    grid = read_grid(SWEEPS / f"{name}.yaml")
    return replace(grid, settings=dict(grid.settings) | (settings or {}))


def load(grid: Grid, folder: Path) -> GridWorkflows:
    prompts, folders = read_prompts(grid)
    return GridWorkflows(prompts, folders, grid.only, grid.settings, REPOSITORY, folder, folder / "models")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_example_is_a_grid_of_cells_and_those_of_quality_ask_for_what_the_benches_ask(tmp_path: Path) -> None:
    counts = {}
    for path in sorted(SWEEPS.glob("*.yaml")):
        grid = read(path.stem)
        counts[path.stem] = len(list_cells(grid, load(grid, tmp_path)))
    assert counts == {"feature_atlas": 112, "quality_classes": 160, "quality_text": 40, "small": 12}
    asked = {axis.name: [option.label for option in axis.options] for axis in read("quality_classes").axes}
    assert asked["workflow"] == ["picture", "sketch"]
    assert asked["DAS_ClassObjective.classes"] == classes.WISHES
    asked = {axis.name: [option.label for option in axis.options] for axis in read("quality_text").axes}
    assert tuple(asked["DAS_TextObjective.text"]) == text.PROMPTS


def test_the_pictures_are_those_of_the_bench_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = read("quality_classes")
    prompts, folders = read_prompts(grid)
    results = tmp_path / "results"
    ResultsFolder(results).claim(grid.name)
    plan = Plan(
        grid.name, prompts, folders, grid.settings, grid.only, threads=1, results=str(results),
        input_folder=str(tmp_path), models=str(tmp_path / "models"), pack=str(REPOSITORY),
    )  # fmt: skip
    wanted = (classes.WISHES[0], 1)
    cells: list[Cell] = [
        cell
        for cell in list_cells(grid, load(grid, tmp_path))
        if (str(cell.columns[swept.WISH]), cell.columns[swept.SEED]) == wanted
    ]
    runner = CellRunner(plan, "w")
    recipes = next(module for name, module in sys.modules.items() if name.endswith(".nodes.ascent.recipe"))
    for name, recipe in recipes.RECIPES.items():
        monkeypatch.setitem(recipes.RECIPES, name, replace(recipe, steps=STEPS))
    table = Table(results / "table.parquet")
    for cell in cells:
        table.add(runner.run(Task.of(cell)))
    table.write()
    monkeypatch.setattr(pictures, "FOLDER", tmp_path / "pictures")
    assert swept.take_pictures(results) == 2
    for recipe in (PICTURE, SKETCH):
        short = replace(recipe, steps=STEPS)
        image, _ = short.climb([Recipe.ask_class(short, wanted[0])], wanted[1])
        path = pictures.find_file(recipe, *wanted)
        assert torch.equal(to_tensor(Image.open(path)), to_tensor(to_pil_image(image[0])))
        assert json.loads(path.with_suffix(".json").read_text())["threads"] == 1


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    Table(tmp_path / "table.parquet").write()
    with pytest.raises(ValueError, match=r"has no column DAS_ClassObjective\.classes, DAS_Optimize\.seed, workflow"):
        swept.take_pictures(tmp_path)
