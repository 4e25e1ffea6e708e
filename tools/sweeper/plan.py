"""The plan of a sweep: what every worker needs to know to run cells. It is sent to each worker once, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sweeper.cells import Cell
from sweeper.grid_values import Value


@dataclass(frozen=True)
class Plan:
    """A sweep as its workers know it. It contains only texts, numbers, lists and mappings, so it can be sent as JSON.

    Args:
        name: the name of the sweep.
        prompts: its workflows in API format, by label.
        folders: the folder of each workflow file, by label.
        settings: the inputs that are set in every cell, by NODE.INPUT.
        only: the output nodes that run; all of them if it is empty.
        judge: the fields of a `JudgeSpec`: its kind, the input with the wish, and the output node; or nothing.
        choices: the texts among which a judge of texts has to find the right one.
        threads: how many threads of the processor a worker uses.
        results: the folder of the results.
        input_folder: where LoadImage looks first.
        models: the folder used as ComfyUI's models folder.
        pack: the folder of the node pack.
        version: the version of the pack, and its commit if it has one.
    """

    name: str
    prompts: Mapping[str, Mapping[str, Any]]
    folders: Mapping[str, str]
    settings: Mapping[str, Value] = field(default_factory=dict)
    only: Sequence[str] = ()
    judge: Sequence[str] = ()
    choices: Sequence[str] = ()
    threads: int = 1
    results: str = ""
    input_folder: str = "input"
    models: str = "models"
    pack: str = ""
    version: str = ""

    def to_json(self) -> str:
        """Return the plan as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that a text holds."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Task:
    """One cell as it is sent to a worker: some hundred bytes.

    Args:
        hash: the hash of the cell.
        workflow: the label of its workflow.
        settings: the inputs that it sets, by NODE.INPUT.
        columns: its entries in the table that name its options.
    """

    hash: str
    workflow: str
    settings: Mapping[str, Value]
    columns: Mapping[str, Value]

    @classmethod
    def of(cls, cell: Cell) -> Task:
        """Return the task of a cell."""
        return cls(cell.hash, cell.workflow, cell.settings, cell.columns)

    def to_json(self) -> str:
        """Return the task as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Return the task that a text holds."""
        return cls(**json.loads(text))
