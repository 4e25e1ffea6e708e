"""All cells of a grid, checked before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.core_nodes import register_core_nodes
from runner.node_classes import hold_input_types, load_pack
from runner.runtime_setup import patch_model_patcher, set_folders, share_fitted
from runner.workflow_graph import Workflow, WorkflowError, parse_workflow, read_workflow, to_prompt
from sweeper.axes import list_choices
from sweeper.cells import Cell
from sweeper.errors import SweepError
from sweeper.grid_file import Grid
from sweeper.grid_values import Value
from sweeper.grid_workflow import GridWorkflow
from sweeper.table import COLUMNS


class GridWorkflows:
    """The workflows of a grid, with the pack loaded in this process.

    Args:
        prompts: the workflows in API format, by label.
        folders: the folder of each workflow file, by label; LoadImage also looks for images there.
        only: the output nodes that run, each by its id, class or title; all of them if `only` is empty.
        settings: the inputs that are set in every cell, by NODE.INPUT.
        pack: the folder of the node pack.
        input_folder: the folder in which LoadImage looks first.
        models: the folder used as ComfyUI's models folder.

    Raises:
        SweepError: the folder `pack` holds no V3 pack; or workflows are wrong: not in API format, without the nodes of
            `only`, without an output node to run, or with an unknown node class. The error then lists a problem of
            each wrong workflow.
        Exception: whatever else `load_pack` raises.
    """

    def __init__(
        self,
        prompts: Mapping[str, Mapping[str, Any]],
        folders: Mapping[str, str],
        only: Sequence[str],
        settings: Mapping[str, Value],
        pack: Path,
        input_folder: Path,
        models: Path,
    ) -> None:
        self._folders = {label: Path(folder) for label, folder in folders.items()}
        self._input, self._models = input_folder, models
        # Nothing is written to `output`: each cell sets an output folder of its own before it runs.
        set_folders(Path("output"), input_folder, models)
        share_fitted()
        patch_model_patcher()
        try:
            load_pack(pack)
        except WorkflowError as error:
            raise SweepError(str(error)) from error
        problems: list[str] = []
        self._workflows: dict[str, GridWorkflow] = {}
        self._registered = ""
        for label, prompt in prompts.items():
            self._register(label)
            try:
                self._workflows[label] = GridWorkflow(parse_workflow(prompt, label), only, settings)
            except WorkflowError as error:
                problems.append(f"workflow {label}: {error}")
        if problems:
            raise SweepError(*problems)

    def build(self, label: str, settings: Mapping[str, Value], output: Path | None = None) -> Workflow:
        """Return the nodes that run in a cell, and let LoadImage also look in the folder of the cell's workflow file.

        Args:
            label: the label of the cell's workflow.
            settings: the inputs that the cell sets, by NODE.INPUT.
            output: the folder for the images of the cell, which becomes ComfyUI's output folder; None to leave the
                folders as they are.

        Raises:
            SweepError: a setting is wrong, see `GridWorkflow.build`.
        """
        if output:
            set_folders(output, self._input, self._models)
        self._register(label)
        return self._workflows[label].build(settings)

    def hash(self, label: str, built: Workflow) -> str:
        """Return the hash of a cell whose nodes `build` has returned."""
        return self._workflows[label].hash(built)

    def list_changes(self, label: str, built: Workflow) -> dict[str, dict[str, Any]]:
        """Return the inputs that a cell changes in its workflow, see `GridWorkflow.list_changes`."""
        return self._workflows[label].list_changes(built)

    def _register(self, label: str) -> None:
        """Let LoadImage also look in the folder of the workflow file with the label `label`."""
        if self._registered != label:
            register_core_nodes(self._folders[label])
            self._registered = label


def read_prompts(grid: Grid) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return the workflows of a grid in API format and the folders of their files, both by label.

    Raises:
        SweepError: a file cannot be read, or is no workflow in API format; the error lists all such files.
    """
    problems: list[str] = []
    prompts: dict[str, dict[str, Any]] = {}
    for label, path in grid.workflows.items():
        if path.exists() and not path.is_file():
            # Reading a device or a pipe might never end.
            problems.append(f"cannot read {path}: it is no file")
            continue
        try:
            prompts[label] = to_prompt(read_workflow(path))
        except WorkflowError as error:
            problems.append(str(error))
    if problems:
        raise SweepError(*problems)
    return prompts, {label: str(path.absolute().parent) for label, path in grid.workflows.items()}


def list_cells(grid: Grid, workflows: GridWorkflows) -> list[Cell]:
    """Return the cells of a grid; the last axis changes fastest, and a cell that occurs twice is listed once.

    Raises:
        SweepError: an axis would add a column to the table of results that has the name of a column that the sweep
            itself fills in (`COLUMNS`), or cells are wrong. The error lists each problem once; after a problem of cells
            it says how many cells have this problem.
    """
    names = [name for axis in grid.axes for name in axis.options[0].columns if name in COLUMNS]
    taken = [f"axis {name}: the table has a column of this name; choose another" for name in names]
    problems: Counter[str] = Counter()
    cells: dict[str, Cell] = {}
    with hold_input_types():
        _add_cells(grid, workflows, cells, problems)
    if taken or problems:
        counted = (f"{problem} ({count} of {grid.count} cells)" for problem, count in problems.most_common())
        raise SweepError(*taken, *counted)
    return list(cells.values())


def _add_cells(grid: Grid, workflows: GridWorkflows, cells: dict[str, Cell], problems: Counter[str]) -> None:
    """Add the cells of a grid to `cells`, by their hashes, and messages about wrong cells to `problems`."""
    # If there are several workflows, they are an axis, and an option of each cell chooses one of them.
    (only_label,) = list(grid.workflows)[:1]
    for options in list_choices(grid.axes):
        label = next((option.workflow for option in options if option.workflow), only_label)
        settings = {path: value for option in options for path, value in option.settings.items()}
        if len(settings) < sum(len(option.settings) for option in options):
            problems["two axes set the same input; a cell can have one value only"] += 1
            continue
        try:
            built = workflows.build(label, settings)
        except SweepError as error:
            problems.update(f"{sentence}" for sentence in error.problems)
            continue
        digest = workflows.hash(label, built)
        cells.setdefault(digest, Cell(digest, label, options))
