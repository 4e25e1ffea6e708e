"""A cache of outputs of nodes, so that several runs in one process load a model only once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from runner.node_classes import get_node_class
from runner.workflow_graph import Node, Workflow

Columns = list[list[Any]]
"""For each output of a node a list of its values, as a run of the node returns them."""


def has_no_links(node: Node) -> bool:
    """Return whether a node has no linked inputs: it loads a model or an image, or depends on its widgets only."""
    return not any(isinstance(value, list) for value in node.inputs.values())


class KeptOutputs:
    """The cached outputs of nodes, by everything that they depend on: class, inputs, and the nodes linked to these.

    Output nodes are never cached, because they have to save and show again. A file that changes while the process lives
    is not read again.

    Args:
        maximum: how many nodes are kept; the one that has not been used for the longest time is dropped first.
        is_kept: tells whether the outputs of a node are kept.
    """

    def __init__(self, maximum: int = 16, is_kept: Callable[[Node], bool] = has_no_links) -> None:
        self._maximum, self._is_kept = maximum, is_kept
        self._columns: OrderedDict[Hashable, Columns] = OrderedDict()

    def find(self, node: Node, workflow: Workflow) -> Columns | None:
        """Return the outputs of an earlier run of the node with the same inputs, or None if none are cached."""
        key = make_key(node, workflow)
        if key not in self._columns:
            return None
        self._columns.move_to_end(key)
        return self._columns[key]

    def keep(self, node: Node, workflow: Workflow, columns: Columns) -> None:
        """Cache the outputs of a node, unless it is an output node or `is_kept` returns False for it."""
        if getattr(get_node_class(node), "OUTPUT_NODE", False) or not self._is_kept(node):
            return
        self._columns[make_key(node, workflow)] = columns
        while len(self._columns) > self._maximum:
            self._columns.popitem(last=False)


def make_key(node: Node, workflow: Workflow) -> Hashable:
    """Return a key for the cache: nodes of the same class with the same inputs have equal keys, in any workflow.

    Args:
        node: the node.
        workflow: the workflow with the nodes that are linked to it.
    """
    inputs = tuple(
        (name, (make_key(workflow[value[0]], workflow), value[1]) if isinstance(value, list) else json.dumps(value))
        for name, value in sorted(node.inputs.items())
    )
    return get_node_class(node), inputs
