"""The plan and the tasks of a sweep.

The plan has the data that are the same for all cells; each worker receives it once, as JSON. A task has the data of one
cell; a worker receives a task for each cell that it runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sweeper.cells import Cell
from sweeper.grid_values import Value


@dataclass(frozen=True)
class Plan:
    """The data that every worker needs: only texts, numbers, lists and mappings, because the plan is sent as JSON.

    Args:
        name: the name of the sweep.
        prompts: the workflows in API format, by the labels that the grid gives them.
        folders: the folder of each workflow file, by the label of the workflow.
        settings: the values of the inputs that are set in every cell, by NODE.INPUT.
        only: the output nodes that run, by id, class or title; all of them if it is empty.
        judge: what the held-out model rates, as three texts (the fields of `JudgeSpec`): "class" or "text", whichever
            the cells ask for; the input that holds this class or text, as NODE.INPUT; and the output node whose first
            picture is rated, or "" for a SaveImage node (if there is none, for any node). Empty if no held-out model
            rates the pictures.
        choices: all texts that cells ask for, if the held-out model has to find the right text among them; else empty.
        threads: how many CPU threads a worker uses.
        results: the folder of the results.
        input_folder: the folder in which LoadImage looks first.
        models: the folder used as ComfyUI's models folder.
        pack: the folder of the node pack.
        version: the version of the pack, and its Git commit if there is one.
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
        """Return the plan as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that `to_json` has converted to text."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Task:
    """One cell in the form that is sent to a worker; a cell with one setting takes some 150 bytes.

    Args:
        hash: the hash of the cell, by which its row in the table of results is found.
        workflow: the label of its workflow in the grid.
        settings: the values of the inputs that the cell sets, by NODE.INPUT.
        columns: what its row in the table of results says about its settings: values by the names of the columns.
    """

    hash: str
    workflow: str
    settings: Mapping[str, Value]
    columns: Mapping[str, Value]

    @classmethod
    def of(cls, cell: Cell) -> Task:
        """Return a cell in the form that is sent to a worker."""
        return cls(cell.hash, cell.workflow, cell.settings, cell.columns)

    def to_json(self) -> str:
        """Return the task as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Return the task that `to_json` has converted to text."""
        return cls(**json.loads(text))
