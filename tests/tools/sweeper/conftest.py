"""Fixtures for tests of sweeps: grids of the toy pack, whose cells take milliseconds."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sweeper.workflows import Plan

if any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow", "yaml", "jinja2")):
    # The optional extra `sweep` is not installed; a skip in a conftest would be an error.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def write_grid(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a grid file and its workflow, and returns the path of the grid."""

    def write(text: str, workflow: dict[str, Any] | None = None) -> Path:
        from sweep_grids import COLOR

        (tmp_path / "color.json").write_text(json.dumps(workflow or COLOR))
        (tmp_path / "grid.yaml").write_text(text)
        return tmp_path / "grid.yaml"

    return write


@pytest.fixture
def plan(pack: Path, tmp_path: Path, write_grid: Callable[..., Path]) -> "Callable[..., Plan]":
    """A function that returns the plan of a grid, of which it gets the text and the workflow, for the toy pack."""
    from sweeper.grid_file import read_grid
    from sweeper.workflows import make_plan

    def plan(text: str, workflow: dict[str, Any] | None = None) -> "Plan":
        grid = read_grid(write_grid(f"workflow: color.json\n{text}", workflow))
        return make_plan(grid, tmp_path / "input", tmp_path / "models", pack)

    return plan
