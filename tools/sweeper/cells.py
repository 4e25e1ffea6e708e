"""The cells of a grid: each is a workflow with settings, and is identified by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sweeper.axes import Option
from sweeper.grid_values import Value


@dataclass(frozen=True)
class Cell:
    """One cell of a grid.

    Args:
        hash: 32 hexadecimal digits, computed from the ids, classes and inputs of the nodes that run, and from the
            images that these nodes read.
        workflow: the label of the workflow.
        options: one option of each axis.
    """

    hash: str
    workflow: str
    options: tuple[Option, ...]

    @property
    def settings(self) -> dict[str, Value]:
        """The inputs that the options of this cell change, as "NODE.INPUT", each with its new value."""
        return {path: value for option in self.options for path, value in option.settings.items()}

    @property
    def columns(self) -> dict[str, Value]:
        """What the options of this cell write into its row of the table of results, by the name of the column."""
        return {name: value for option in self.options for name, value in option.columns.items()}

    @property
    def title(self) -> str:
        """The columns of the cell as text, for messages; if it has no columns, the label of its workflow."""
        return ", ".join(f"{name}={value}" for name, value in self.columns.items()) or self.workflow


def hash_cell(parts: Iterable[str]) -> str:
    """Return the hash of a cell, computed from the digests of its nodes; the order of the digests does not matter."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:32]


def hash_node(node_id: str, class_type: str, inputs: Mapping[str, object], files: Iterable[str] = ()) -> str:
    """Return a digest of one node of a workflow.

    Args:
        node_id: the id of the node, which the links of other nodes contain.
        class_type: the class of the node.
        inputs: all inputs of the node, with defaults filled in.
        files: the digests of the images that the node reads.
    """
    content = json.dumps([node_id, class_type, dict(inputs), list(files)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
