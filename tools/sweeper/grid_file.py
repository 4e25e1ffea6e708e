"""Reads grid files, and says everything that is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pydantic
import yaml

from das_core.runs.cells import RunsError
from runner.workflow_graph import quote, suggest_names
from sweeper.grid import AXES, MAX_CELLS, WORKFLOW, Grid, Range

_MAX_BYTES, _MAX_DIGITS = 2**20, 40  # of a file, and of a number: forms such as 1:1:1:… would take minutes to read


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses what could make reading endless (aliases, long numbers), and keys that occur twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError(f"write values out, not as *{self.peek_event().anchor}")
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and len(node.value) > _MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits ({node.value[:20]}…); write a shorter one")
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = cast(dict[Any, Any], super().construct_mapping(node, deep))
        if len(found) < len(node.value):
            raise ValueError(f"a key is there twice{node.start_mark}")
        return found


def read_grid(path: Path, max_cells: int = MAX_CELLS) -> Grid:
    """Read a grid file; paths of workflows are relative to its folder. A RunsError lists all that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        written = yaml.load(content.decode("utf-8"), _Loader) if len(content) <= _MAX_BYTES else None
    except OSError as error:
        raise RunsError(f"cannot read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise RunsError(f"{path} is nested too deeply for a grid") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise RunsError(f"{path} is no YAML: {' '.join(str(error).split())[:500]}") from error
    if len(content) > _MAX_BYTES:
        raise RunsError(f"{path} is larger than a grid can be; write ranges, such as {{from: 0, to: 99}}")
    if not isinstance(written, Mapping):
        raise RunsError(f"{path} is no grid; it needs at least a line 'workflow: FILE.json' and 'axes:'")
    entries = {"name": path.stem} | {name: entry for name, entry in written.items() if entry is not None}
    try:
        grid = Grid.model_validate(entries)
    except pydantic.ValidationError as error:
        raise RunsError(*map(_describe, error.errors(include_url=False))) from None
    grid._folder = path.parent
    if problems := list(_check(grid, max_cells)):
        raise RunsError(*problems)
    return grid


# What a user is told instead of pydantic's own messages, by the type of the error.
_ADVICE = {"too_short": "write at least one", **dict.fromkeys(("dict_type", "model_type"), "write lines NAME: value")}


def _describe(error: Any) -> str:
    """Return a problem that pydantic found as a sentence with the place, the value and what is allowed."""
    place, message = error["loc"], error["msg"].removeprefix("Value error, ")
    where = ", ".join(str(part) for part in place if part not in ("list", "range"))
    if error["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in (Range if len(place) > 1 else Grid).model_fields.items()]
        return f"{where}: unknown key {place[-1]!r}; {suggest_names(str(place[-1]), known)}"
    return f"{where} = {quote(error['input'])}: {_ADVICE.get(error['type'], message)}"


def _check(grid: Grid, max_cells: int) -> Iterator[str]:
    """Yield what is wrong with the entries of a grid together."""
    if (grid.workflow is None) == (not grid.workflows):
        yield "write either 'workflow: FILE.json' or 'workflows:' with a label: FILE.json for each"
    for name, form in grid.forms.items():
        if ("." in name) == isinstance(form, dict):
            yield f"axis {name}: {AXES}"
    if WORKFLOW in grid.forms:
        yield f"axis {WORKFLOW}: this name is taken; write 'workflows:' with a label: FILE.json for each"
    if len(grid.workflows) < 2 and not grid.forms:
        yield "the grid is empty: it has no axes; write 'axes:' with NODE.INPUT: [values]"
    yield from (f"cannot read {path}: it is no file" for path in grid.files.values() if path.exists() > path.is_file())
    wanted = [name for names in grid.sheet.values() for name in names]
    for name in dict.fromkeys(wanted):
        if name not in grid.axes:
            yield f"sheet: no axis {name!r}; {suggest_names(name, grid.axes)}"
        if wanted.count(name) > 1:
            yield f"sheet: axis {name!r} is there twice"
    sizes = list(map(len, grid.axes.values()))
    count = math.prod(sizes)
    if count > 10**15:  # Python refuses to write numbers of thousands of digits
        yield "countless cells; write fewer"
    elif count > max_cells:
        said = " x ".join(map(str, sizes))
        yield f"{said} = {count:,} cells; more than {max_cells:,} only with --max-cells {count}"
