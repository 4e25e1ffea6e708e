"""A cache of outputs of nodes, so that several runs in one process load a model only once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from runner.node_classes import get_node_class, is_output
from runner.workflow_graph import Node, Workflow


def has_no_links(node: Node) -> bool:
    """Return whether a node has no linked inputs, like nodes that load a model or an image."""
    return not any(isinstance(value, list) for value in node.inputs.values())


class KeptOutputs:
    """A cache of outputs of the nodes that `is_kept` accepts and that are no output nodes."""

    def __init__(self, maximum: int = 16, is_kept: Callable[[Node], bool] = has_no_links) -> None:
        self._maximum, self._is_kept = maximum, is_kept
        self._outputs: OrderedDict[Hashable, Sequence[Any]] = OrderedDict()

    def find(self, node: Node, workflow: Workflow) -> Sequence[Any] | None:
        """Return the outputs of an earlier run of the node with the same inputs, or None if none are cached."""
        key = make_key(node, workflow)
        if key not in self._outputs:
            return None
        self._outputs.move_to_end(key)
        return self._outputs[key]

    def keep(self, node: Node, workflow: Workflow, outputs: Sequence[Any]) -> None:
        """Cache the outputs of a node, unless it is an output node or the function `is_kept` returns False for it."""
        if is_output(node) or not self._is_kept(node):
            return
        self._outputs[make_key(node, workflow)] = outputs
        while len(self._outputs) > self._maximum:
            self._outputs.popitem(last=False)


def make_key(node: Node, workflow: Workflow) -> Hashable:
    """Return a key for the cache: nodes of the same class with the same inputs have equal keys, in any workflow."""
    inputs = tuple(
        (name, (make_key(workflow[value[0]], workflow), value[1]) if isinstance(value, list) else json.dumps(value))
        for name, value in sorted(node.inputs.items())
    )
    return get_node_class(node), inputs
