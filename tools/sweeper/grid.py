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
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainValidator, Tag

from runner.workflow_graph import quote

MAX_CELLS, MAX_VALUES = 100_000, 1_000_000  # of a grid, unless the user allows more, and of a range
WORKFLOW = "workflow"  # the axis whose options are workflows

_VALUES = "a list [value, …], or a range: {from: 0, to: 7}, {from: 0, to: 1, step: 0.25}, {from: 1, to: 9, count: 5}"
AXES = f"under NODE.INPUT, write {_VALUES}; or, under a name without a dot, zip: or group:"

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
_Form = Annotated[_Listed | _Ranged | _Named, Discriminator(_find_form, "form", AXES)]


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
