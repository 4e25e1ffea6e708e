"""Fixtures for tests of sweeps: grids of the toy pack, whose cells take milliseconds."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sweeper.cells import Cell
    from sweeper.grid_cells import GridWorkflows
    from sweeper.grid_file import Grid
    from sweeper.plan import Plan

if any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow", "yaml")):
    # The optional extra `sweep` is not installed; a skip in a conftest would be an error.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def write_grid(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a grid file and its workflow, and returns the path of the grid."""

    def write(text: str, workflow: dict[str, Any] | None = None, name: str = "grid.yaml") -> Path:
        from sweep_grids import COLOR

        (tmp_path / "color.json").write_text(json.dumps(workflow or COLOR))
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.fixture
def load(pack: Path, tmp_path: Path) -> Callable[..., "tuple[Grid, GridWorkflows]"]:
    """A function that reads a grid and loads the toy pack for it."""

    from sweeper.grid_cells import GridWorkflows, read_prompts
    from sweeper.grid_file import read_grid

    def load(path: Path) -> "tuple[Grid, GridWorkflows]":
        grid = read_grid(path)
        prompts, folders = read_prompts(grid)
        return grid, GridWorkflows(
            prompts, folders, grid.only, grid.settings, pack, tmp_path / "input", tmp_path / "models"
        )

    return load


@pytest.fixture
def prepare(
    load: Callable[..., "tuple[Grid, GridWorkflows]"], pack: Path, tmp_path: Path
) -> Callable[..., "tuple[Plan, list[Cell]]"]:
    """A function that returns the plan of a grid, with a folder of results that is claimed, and its cells."""

    from sweeper.grid_cells import list_cells, read_prompts
    from sweeper.plan import Plan
    from sweeper.results_folder import ResultsFolder

    def prepare(path: Path, **changes: Any) -> "tuple[Plan, list[Cell]]":
        grid, workflows = load(path)
        prompts, folders = read_prompts(grid)
        results = tmp_path / "results"
        ResultsFolder(results).claim(grid.name)
        plan = Plan(
            grid.name, prompts, folders, grid.settings, grid.only, results=str(results), pack=str(pack),
            input_folder=str(tmp_path / "input"), models=str(tmp_path / "models"), version="toy",
        )  # fmt: skip
        return replace(plan, **changes), list_cells(grid, workflows)

    return prepare
