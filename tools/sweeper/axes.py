"""The axes of a grid, and the combinations of their options: a cell has one option of each axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeper.errors import SweepError
from sweeper.grid_values import Value, read_value, read_values

WORKFLOW = "workflow"
"""The name of the axis whose options are workflows, and of the column of the table that names the workflow."""


@dataclass(frozen=True, eq=False)
class Option:
    """One of the choices along an axis: the inputs that it sets, or the workflow that it chooses.

    Options are compared by identity, so they can be keys of a dictionary.

    Args:
        label: the name of the option on the contact sheet.
        settings: the values of the inputs that it sets; each key names an input as NODE.INPUT.
        columns: its entries in the table of results, by the name of the column.
        workflow: the label of the workflow that it chooses, or "" if it chooses none.
    """

    label: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    columns: Mapping[str, Value] = field(default_factory=dict)
    workflow: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis of a grid and its options: values of one input, joint values of several inputs, or workflows.

    Args:
        name: NODE.INPUT for one input; else the name that the grid file gives the axis.
        options: at least one.
    """

    name: str
    options: tuple[Option, ...]


def read_axis(name: str, written: Any) -> Axis:
    """Return the axis that an entry under `axes` of a grid file describes.

    Args:
        name: NODE.INPUT, or a name without a dot.
        written: for NODE.INPUT, its values, see `read_values`. For a name without a dot, a mapping with a single key:
            either `zip`, which maps one or more NODE.INPUT to values (lists or ranges) that change together, or
            `group`, which maps labels to settings.

    Raises:
        SweepError: `written` has another form, a value is wrong, or lists that change together differ in length.

    Example:
        >>> [option.settings for option in read_axis("5.seed", [0, 1]).options]
        [{'5.seed': 0}, {'5.seed': 1}]
        >>> [option.label for option in read_axis("work", {"group": {"few": {"5.steps": 4}}}).options]
        ['few']
    """
    if "." in name:
        values = read_values(written, name)
        return Axis(name, tuple(Option(str(value), {name: value}, {name: value}) for value in values))
    if isinstance(written, Mapping) and list(written) == ["zip"]:
        return _read_zip(name, written["zip"])
    if isinstance(written, Mapping) and list(written) == ["group"]:
        return _read_group(name, written["group"])
    raise SweepError(
        f"axis {name}: write NODE.INPUT: [values]; or, under a name, zip: with lines NODE.INPUT: [values] that "
        "change together, or group: with lines LABEL: {NODE.INPUT: value, …}"
    )


def _read_zip(name: str, written: Any) -> Axis:
    if not isinstance(written, Mapping) or not written:
        raise SweepError(f"axis {name}: zip needs lines NODE.INPUT: [values]")
    columns = {str(path): read_values(values, f"axis {name}, {path}") for path, values in written.items()}
    if len({len(values) for values in columns.values()}) > 1:
        lengths = ", ".join(f"{path} has {len(values)}" for path, values in columns.items())
        raise SweepError(f"axis {name}: values that change together need equal numbers, but {lengths}")
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return Axis(name, tuple(Option(", ".join(map(str, row.values())), row, row) for row in rows))


def _read_group(name: str, written: Any) -> Axis:
    if not isinstance(written, Mapping) or not written:
        raise SweepError(f"axis {name}: group needs lines LABEL: {{NODE.INPUT: value, …}}")
    options = []
    for label, settings in written.items():
        if not isinstance(settings, Mapping):
            raise SweepError(f"axis {name}, {label}: {settings!r} is no mapping; write {{NODE.INPUT: value, …}}")
        read = {str(path): read_value(value, f"axis {name}, {label}, {path}") for path, value in settings.items()}
        options.append(Option(str(label), read, {name: str(label)}))
    return Axis(name, tuple(options))


def make_workflow_axis(labels: Sequence[str]) -> Axis:
    """Return the axis of several workflows."""
    return Axis(WORKFLOW, tuple(Option(label, workflow=label) for label in labels))


def count_choices(axes: Sequence[Axis]) -> int:
    """Return the number of combinations of one option of each axis; 1 without axes."""
    return math.prod(len(axis.options) for axis in axes)


def list_choices(axes: Sequence[Axis]) -> Iterator[tuple[Option, ...]]:
    """Yield every combination of one option of each axis; the last axis changes fastest."""
    return itertools.product(*(axis.options for axis in axes))
