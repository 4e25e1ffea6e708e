"""Grid files: the YAML that says which workflows run with which settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from runner.workflow_graph import suggest_names
from sweeper.axes import WORKFLOW, Axis, count_choices, make_workflow_axis, read_axis
from sweeper.errors import SweepError
from sweeper.grid_values import Value, read_value
from sweeper.grid_yaml import read_yaml

T = TypeVar("T")

MAX_CELLS = 100_000
"""The largest number of cells of a grid, unless the user allows more."""

_COUNTABLE = 10**15
"""From this number of cells on, messages say "countless" instead of the number. A number of cells can have thousands of
digits, and Python refuses to convert such a number to text."""

_KEYS = ("name", "workflow", "workflows", "only", "set", "axes", "judge", "sheet")
_JUDGE_KEYS = ("class", "text", "image")
_SHEET_KEYS = ("columns", "rows")


@dataclass(frozen=True)
class JudgeSpec:
    """The entry `judge` of a grid file: what the held-out model of a sweep rates.

    Args:
        kind: "class" or "text": whether the cells ask for a class or for a text.
        wish: the input that holds this class or text, as NODE.INPUT.
        image: the output node whose first picture is rated, by id, class or title; "" for the first picture of a
            SaveImage node or, if there is none, of another node.
    """

    kind: Literal["class", "text"]
    wish: str
    image: str = ""


@dataclass(frozen=True)
class Grid:
    """A grid file that has been read, but not yet checked against its workflows.

    Args:
        name: the name of the sweep; a folder of results accepts only sweeps of the same name.
        workflows: the workflow files, in API format, by their labels; at least one.
        axes: the axes of the grid; from cell to cell, the first axis changes slowest.
        settings: values for inputs of every cell, by NODE.INPUT; an axis may replace such a value.
        only: the output nodes that run, by id, class or title; all of them if it is empty.
        judge: what the held-out model rates; None if no picture is rated.
        sheet_columns: the names of the axes whose options make the columns of the contact sheet; if empty, the last
            axis that has several options and is not in `sheet_rows`.
        sheet_rows: the names of the axes whose options make the rows of the contact sheet. All axes that make no
            columns follow these.
    """

    name: str
    workflows: Mapping[str, Path]
    axes: tuple[Axis, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    judge: JudgeSpec | None = None
    sheet_columns: tuple[str, ...] = ()
    sheet_rows: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of cells."""
        return count_choices(self.axes)


def read_grid(path: Path, max_cells: int = MAX_CELLS) -> Grid:
    """Read a grid file.

    Args:
        path: the file; paths of workflows are relative to its folder.
        max_cells: how many cells the grid may have at most.

    Raises:
        SweepError: the file is wrong, or the grid has too many cells. If the file can be read as YAML, the error lists
            the problems of all its parts, such as each axis; of most parts only the first problem.
    """
    written = read_yaml(path)
    if not isinstance(written, Mapping):
        raise SweepError(f"{path} is no grid; it needs at least a line 'workflow: FILE.json' and 'axes:'")
    read = _Reader([f"unknown key {key!r}; {suggest_names(str(key), _KEYS)}" for key in written.keys() - set(_KEYS)])
    workflows: dict[str, Path] = read(lambda: _read_workflows(written, path.parent), {})
    axes = [make_workflow_axis(list(workflows))] if len(workflows) > 1 else []
    lines: Mapping[Any, Any] = read(lambda: _read_mapping(written, "axes"), {})
    for name, line in lines.items():
        axes += read(partial(_read_axes, str(name), line), [])
    named = [axis.name for axis in axes]
    nothing: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    grid = Grid(
        read(lambda: _read_name(written, path), path.stem),
        workflows,
        tuple(axes),
        read(lambda: _read_settings(written), {}),
        read(lambda: _read_names(written, "only"), ()),
        read(lambda: _read_judge(written), None),
        *read(lambda: _read_sheet(written, named), nothing),
    )
    # With several workflows, `named[0]` is the axis of these workflows, which is skipped.
    if WORKFLOW in named[min(1, len(workflows) - 1) :]:
        read.problems.append(
            f"axis {WORKFLOW}: this name is taken; write 'workflows:' with a label: FILE.json for each"
        )
    if not written.get("axes") and len(workflows) < 2:
        read.problems.append("the grid is empty: it has no axes; write 'axes:' with NODE.INPUT: [values]")
    if grid.count > max_cells:
        sizes = " x ".join(str(len(axis.options)) for axis in grid.axes)
        advice = (
            f"more than {max_cells:,} only with --max-cells {grid.count}" if grid.count < _COUNTABLE else "write fewer"
        )
        read.problems.append(
            f"{sizes} = {f'{grid.count:,}' if grid.count < _COUNTABLE else 'countless'} cells; {advice}"
        )
    if read.problems:
        raise SweepError(*read.problems)
    return grid


class _Reader:
    """Calls functions that read parts of a grid, and collects the problems that they find.

    Args:
        problems: messages about the problems that are known already; more are added.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def __call__(self, read: Callable[[], T], default: T) -> T:
        """Return what a function reads; if it raises SweepError, collect its problems and return the default."""
        try:
            return read()
        except SweepError as error:
            self.problems.extend(error.problems)
            return default


def _read_name(written: Mapping[str, Any], path: Path) -> str:
    """Return the name of the sweep: the entry `name` of the grid file, or else the name of the file without its suffix.

    The name of the sweep is also the default name of its folder of results.

    Args:
        written: the content of the grid file.
        path: the grid file.

    Raises:
        SweepError: the name cannot be the name of a folder.
    """
    name = str(written.get("name") or path.stem)
    if not re.fullmatch(r"[^\W_][\w .,()+=-]{0,79}", name) or name.endswith((".", " ")):
        raise SweepError(
            f"name: {name[:80]!r} cannot name a folder; write letters, digits, blanks and - _ . with a letter or a "
            "digit in front, at most 80"
        )
    return name


def _read_axes(name: str, line: Any) -> list[Axis]:
    return [read_axis(name, line)]


def _read_settings(written: Mapping[str, Any]) -> dict[str, Value]:
    return {str(name): read_value(value, f"set: {name}") for name, value in _read_mapping(written, "set").items()}


def _read_workflows(written: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    if ("workflow" in written) == ("workflows" in written):
        raise SweepError("write either 'workflow: FILE.json' or 'workflows:' with a label: FILE.json for each")
    if "workflow" in written:
        name = _read_file_name(written["workflow"])
        return {Path(name).stem: folder / name}
    return {str(label): folder / _read_file_name(name) for label, name in _read_mapping(written, "workflows").items()}


def _read_file_name(found: Any) -> str:
    # A name such as 2024 is a number in YAML.
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise SweepError(f"workflow: {found!r} is no name of a file; write one, such as FILE.json")
    return str(found)


def _read_mapping(written: Mapping[str, Any], key: str) -> Mapping[Any, Any]:
    found = written.get(key) or {}
    if not isinstance(found, Mapping):
        raise SweepError(f"{key}: {found!r} is no mapping; write lines NAME: value below it")
    return found


def _read_names(written: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = written.get(key)
    if found is None:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),)


def _read_judge(written: Mapping[str, Any]) -> JudgeSpec | None:
    found = _read_mapping(written, "judge")
    if not found:
        return None
    kinds = [kind for kind in ("class", "text") if kind in found]
    if len(kinds) != 1 or found.keys() - set(_JUDGE_KEYS):
        raise SweepError("judge: write 'class: NODE.INPUT' or 'text: NODE.INPUT', and if you like 'image: NODE'")
    kind: Literal["class", "text"] = "class" if kinds == ["class"] else "text"
    image = found.get("image")
    return JudgeSpec(kind, str(found[kind]), "" if image is None else str(image))


def _read_sheet(written: Mapping[str, Any], axes: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = _read_mapping(written, "sheet")
    columns, rows = (_read_names(found, key) for key in _SHEET_KEYS)
    problems = [f"sheet: unknown key {key!r}; there are: columns, rows" for key in found.keys() - set(_SHEET_KEYS)]
    problems += [f"sheet: no axis {name!r}; {suggest_names(name, axes)}" for name in columns + rows if name not in axes]
    problems += [f"sheet: axis {name!r} cannot be both rows and columns" for name in set(columns) & set(rows)]
    if problems:
        raise SweepError(*problems)
    return columns, rows
