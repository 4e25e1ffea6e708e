"""Grid files: the YAML that says which workflows run with which settings, checked by pydantic models."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
import pydantic
import yaml
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainValidator, Tag

from runner.workflow_graph import quote, suggest_names
from sweeper.engine import SweepError

MAX_CELLS, MAX_VALUES = 100_000, 1_000_000  # of a grid, unless the user allows more, and of a range
WORKFLOW = "workflow"  # the axis whose options are workflows
_MAX_BYTES, _MAX_DIGITS = 2**20, 40  # of a file, and of a number: forms such as 1:1:1:… would take minutes to read

_VALUES = "a list [value, …], or a range: {from: 0, to: 7}, {from: 0, to: 1, step: 0.25}, {from: 1, to: 9, count: 5}"
_AXES = f"under NODE.INPUT, write {_VALUES}; or, under a name without a dot, zip: or group:"

Value: TypeAlias = str | int | float | bool  # what a widget can be set to


class Option(NamedTuple):
    """A choice along an axis: its label, the inputs that it sets (NODE.INPUT), its columns, and its workflow or ""."""

    label: str
    settings: Mapping[str, Value] = {}
    columns: Mapping[str, Value] = {}
    workflow: str = ""


def _read_value(written: Any) -> Value:
    if not isinstance(written, str | int | float):
        raise ValueError("write a number, true, false, or a text in quotes")
    if isinstance(written, float) and not math.isfinite(written):
        raise ValueError("write a finite number")
    str(written).encode("utf-8")  # raises a ValueError for half of a surrogate pair
    return written


def _read_number(written: Any) -> Value:
    if isinstance(written, bool | str):
        raise ValueError("write a number")
    return _read_value(written)


def _read_name(written: Any) -> str:
    if type(written) not in (str, int) or written == "":  # a name such as 2024 is a number in YAML
        raise ValueError("write a name")
    return str(_read_value(written))


def _read_folder(written: Any) -> str:
    if not re.fullmatch(r"[^\W_][\w .,()+=-]{0,79}", str(written)) or str(written).endswith((".", " ")):
        raise ValueError("it cannot name a folder; write at most 80 letters, digits, blanks and - _ . , a letter first")
    return str(written)


def _check_distinct(values: list[Value]) -> list[Value]:
    ((_, value), count), *_ = Counter((type(value), value) for value in values).most_common(1)
    if count > 1:
        raise ValueError(f"{quote(value)} is there twice; a cell is computed once")
    return values


def _check_lengths(columns: dict[str, list[Value]]) -> dict[str, list[Value]]:
    if len(set(map(len, columns.values()))) > 1:
        raise ValueError(f"values that change together need equal numbers, not {[*map(len, columns.values())]}")
    return columns


_Value = Annotated[Any, PlainValidator(_read_value)]
_Number = Annotated[Any, PlainValidator(_read_number)]
_Name = Annotated[str, PlainValidator(_read_name)]
_Names = Annotated[list[_Name], BeforeValidator(lambda found: found if isinstance(found, list) else [found])]


class Range(pydantic.BaseModel, extra="forbid"):
    """The values from `from` to `to`, both inclusive: with a `step`, or with a `count` and a `scale`."""

    first: _Number = Field(alias="from")
    last: _Number = Field(alias="to")
    step: _Number = 1
    count: int | None = Field(None, ge=2, le=MAX_VALUES, strict=True)
    scale: Literal["linear", "log"] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> Range:
        first, last, step = self._read_ends()
        if self.count is None and (step <= 0 or last < first or self.scale):
            raise ValueError("without a count, a range needs from <= to, a step above 0, and no scale")
        if self.count is None and (last - first) / step >= MAX_VALUES:
            raise ValueError(f"a range has at most {MAX_VALUES:,} values; choose a larger step")
        if self.count and ("step" in self.model_fields_set or first == last):
            raise ValueError("with a count, a range needs two different ends, and no step")
        if self.scale == "log" and min(first, last) <= 0:
            raise ValueError("scale log needs both ends above 0")
        if not math.isfinite(float(last) - float(first)):
            raise ValueError("the ends may differ by at most 1.7e308; bring them together")
        return self

    def _read_ends(self) -> list[Decimal]:
        # Decimals, because in binary floating point 3 * 0.1 is not 0.3.
        return [Decimal(str(number)) for number in (self.first, self.last, self.step)]

    def list_values(self) -> list[Value]:
        """Return all values, in order."""
        first, last, step = self._read_ends()
        if self.count is None:
            kind = float if float in (type(self.first), type(self.step)) else int
            return [kind(first + number * step) for number in range(int((last - first) / step) + 1)]
        space = np.geomspace if self.scale == "log" else np.linspace
        return cast(list[Value], space(float(first), float(last), self.count).tolist())


def _find_form(written: Any) -> str | None:
    if isinstance(written, Mapping):
        return next((form for form in ("zip", "group") if list(written) == [form]), "range")
    return "list" if isinstance(written, list) else None


_Listed = Annotated[list[_Value], Field(min_length=1), AfterValidator(_check_distinct), Tag("list")]
_Ranged = Annotated[Range, AfterValidator(Range.list_values), Tag("range")]
_Values = Annotated[_Listed | _Ranged, Discriminator(_find_form, "form", f"write {_VALUES}")]


_Zip = dict[Literal["zip"], Annotated[dict[_Name, _Values], Field(min_length=1), AfterValidator(_check_lengths)]]
_Group = dict[Literal["group"], Annotated[dict[_Name, dict[_Name, _Value]], Field(min_length=1)]]
_Named = Annotated[_Zip, Tag("zip")] | Annotated[_Group, Tag("group")]
_Form = Annotated[_Listed | _Ranged | _Named, Discriminator(_find_form, "form", _AXES)]


class Grid(pydantic.BaseModel, extra="forbid"):
    """A grid file that has been read, but not yet checked against its workflows; docs/sweeps.md has its entries."""

    name: Annotated[str, PlainValidator(_read_folder)]
    workflow: _Name | None = None
    workflows: dict[_Name, _Name] = {}
    only: _Names = []
    settings: dict[_Name, _Value] = Field({}, alias="set")
    forms: dict[_Name, _Form] = Field({}, alias="axes")
    judge: dict[Literal["class", "text"], _Name] = Field({}, max_length=1)
    sheet: dict[Literal["columns", "rows"], _Names] = {}
    _folder: Path = pydantic.PrivateAttr(Path())

    @property
    def files(self) -> dict[str, Path]:
        """The workflow files by their labels."""
        names = self.workflows or {Path(self.workflow or "").stem: self.workflow or ""}
        return {label: self._folder / name for label, name in names.items()}

    @cached_property
    def axes(self) -> dict[str, list[Option]]:
        """The axes by their names; from cell to cell, the first changes slowest. Several workflows are the first."""
        axes = {name: list(_list_options(name, form)) for name, form in self.forms.items()}
        labels = [Option(label, workflow=label) for label in self.workflows]
        return {WORKFLOW: labels} | axes if len(labels) > 1 else axes


def _list_options(name: str, form: Any) -> Iterator[Option]:
    columns = form.get("zip", {}) if isinstance(form, dict) else {name: form}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        yield Option(", ".join(map(str, values)), row, row)
    for label, settings in form.get("group", {}).items() if isinstance(form, dict) else ():
        yield Option(label, settings, {name: label})


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
    """Read a grid file; paths of workflows are relative to its folder. A SweepError lists all that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        written = yaml.load(content.decode("utf-8"), _Loader) if len(content) <= _MAX_BYTES else None
    except OSError as error:
        raise SweepError(f"cannot read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise SweepError(f"{path} is nested too deeply for a grid") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise SweepError(f"{path} is no YAML: {' '.join(str(error).split())[:500]}") from error
    if len(content) > _MAX_BYTES:
        raise SweepError(f"{path} is larger than a grid can be; write ranges, such as {{from: 0, to: 99}}")
    if not isinstance(written, Mapping):
        raise SweepError(f"{path} is no grid; it needs at least a line 'workflow: FILE.json' and 'axes:'")
    entries = {"name": path.stem} | {name: entry for name, entry in written.items() if entry is not None}
    try:
        grid = Grid.model_validate(entries)
    except pydantic.ValidationError as error:
        raise SweepError(*map(_describe, error.errors(include_url=False))) from None
    grid._folder = path.parent
    if problems := list(_check(grid, max_cells)):
        raise SweepError(*problems)
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
            yield f"axis {name}: {_AXES}"
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
