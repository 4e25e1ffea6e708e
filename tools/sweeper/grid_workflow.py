"""Applies the settings of cells to a workflow of a grid and checks them, quickly even if there are many cells.

Whether a node accepts its settings does not depend on other nodes. So each combination of settings of a node is checked
only once, even if many cells share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.node_checks import check_node
from runner.node_classes import get_node_class
from runner.node_inputs import fill_defaults, list_inputs, set_input
from runner.workflow_graph import Node, Workflow, WorkflowError, find_input, get_node, sort_nodes
from sweeper.cells import hash_cell, hash_node
from sweeper.errors import SweepError
from sweeper.grid_values import Value

_Settings = tuple[tuple[str, Value], ...]


class GridWorkflow:
    """A workflow that many cells run, each with settings of its own.

    The node classes must have been registered before.

    Args:
        workflow: the workflow as it was exported.
        only: the output nodes to run, by id, class or title; all of them if it is empty.
        settings: the inputs that are set in every cell, by NODE.INPUT.

    Raises:
        SweepError: a name in `only` fits no node, several nodes, or a node that is no output node; or `only` is empty,
            and the workflow has no output node, or has a node of an unknown class.
        WorkflowError: a node that `only` names is of an unknown class.
    """

    def __init__(self, workflow: Workflow, only: Sequence[str] = (), settings: Mapping[str, Value] | None = None):
        self._workflow, self._settings = workflow, dict(settings or {})
        try:
            chosen = [get_node(workflow, name).id for name in only]
            self._outputs = chosen or [node.id for node in workflow.values() if _is_output(node)]
        except WorkflowError as error:
            raise SweepError(str(error)) from error
        refused = [str(workflow[name]) for name in chosen if not _is_output(workflow[name])]
        if refused or not self._outputs:
            raise SweepError(f"{', '.join(refused) or 'the workflow'} has no output, such as SaveImage")
        self._found: dict[str, tuple[str, str] | str] = {}
        self._nodes: dict[tuple[str, _Settings], Node | tuple[str, ...]] = {}
        self._orders: dict[frozenset[tuple[str, str]], list[str] | str] = {}
        self._digests: dict[int, str] = {}

    def build(self, settings: Mapping[str, Value]) -> Workflow:
        """Return the nodes in the order they run, with defaults filled in and all inputs checked.

        Args:
            settings: the inputs that this cell sets, by NODE.INPUT.

        Raises:
            SweepError: a setting is wrong. Three checks run one after the other: whether each path names a node, and
                no input is set twice; whether the links are right; and whether each setting fits an input of a node
                that runs. The error lists the problems of the first check that fails. Some inputs exist only if a
                certain option of the node is chosen, and have a dot in their name; about these inputs, the error lists
                at most one problem for each node.
        """
        problems: list[str] = []
        by_node: dict[str, dict[str, Value]] = {}
        for path, value in (self._settings | dict(settings)).items():
            found = self._find(path)
            if isinstance(found, str):
                problems.append(found)
                continue
            node_id, name = found
            earlier = by_node.setdefault(node_id, {})
            # Two paths of a cell can name the same input, such as 5.seed and DAS_Optimize.seed. A path of the cell may
            # replace a value that is set in every cell, but not a value that the cell sets by another path.
            if (
                name in earlier
                and path in settings
                and any(self._find(other) == found for other in settings if other != path)
            ):
                problems.append(f"{path} is set twice in one cell, by different names or axes")
            earlier[name] = value
        if problems:
            raise SweepError(*problems)
        order = self._sort({node_id: tuple(changes.items()) for node_id, changes in by_node.items()})
        nodes: dict[str, Node] = {}
        for node_id in order:
            checked = self._check(node_id, tuple(by_node.pop(node_id, {}).items()))
            if isinstance(checked, Node):
                nodes[node_id] = checked
            else:
                problems += checked
        problems += [
            f"{self._workflow[node_id]}: {', '.join(changes)} changes nothing, because no output needs this node"
            for node_id, changes in by_node.items()
        ]
        if problems:
            raise SweepError(*problems)
        return nodes

    def hash(self, built: Workflow) -> str:
        """Return the hash of a cell, computed from the nodes that `build` has returned for it."""
        return hash_cell(self._digest(node) for node in built.values())

    def list_changes(self, built: Workflow) -> dict[str, dict[str, Any]]:
        """Return, by node id, the inputs of every node that a cell changes.

        A cell changes a node if the inputs of the node differ from those in the exported workflow. (Before the
        comparison, defaults are filled in there, too.) All inputs of such a node are returned, with their values,
        except inputs that are not in the exported workflow and have their default values.

        Args:
            built: the nodes of the cell, as `build` returns them.
        """
        changes: dict[str, dict[str, Any]] = {}
        for node_id, node in built.items():
            before = fill_defaults(self._workflow[node_id]).inputs
            if dict(node.inputs) != dict(before):
                known = self._workflow[node_id].inputs
                changes[node_id] = {
                    name: value for name, value in node.inputs.items() if name in known or before.get(name) != value
                }
        return changes

    def _find(self, path: str) -> tuple[str, str] | str:
        """Return the node id and the input that a path names, or a message that says what is wrong with the path."""
        if path not in self._found:
            try:
                node, name = find_input(self._workflow, path)
                self._found[path] = node.id, name
            except WorkflowError as error:
                self._found[path] = str(error)
        return self._found[path]

    def _sort(self, by_node: Mapping[str, _Settings]) -> list[str]:
        """Return the ids of the nodes that run, in the order in which they run.

        A setting that replaces a link can make other nodes unnecessary.

        Args:
            by_node: the inputs that the cell sets, as names and values, by node id.
        """
        # The order depends only on which inputs are set, because no setting is a link.
        key = frozenset((node_id, name) for node_id, changes in by_node.items() for name, _ in changes)
        if key not in self._orders:
            unlinked = dict(self._workflow)
            for node_id, changes in by_node.items():
                node = unlinked[node_id]
                unlinked[node_id] = replace(node, inputs=dict(node.inputs) | dict(changes))
            try:
                self._orders[key] = sort_nodes(unlinked, self._outputs)
            except WorkflowError as error:
                self._orders[key] = str(error)
        order = self._orders[key]
        if isinstance(order, str):
            raise SweepError(order)
        return order

    def _check(self, node_id: str, settings: _Settings) -> Node | tuple[str, ...]:
        """Return a node with settings applied, or messages about the settings that are wrong."""
        key = node_id, settings
        if key not in self._nodes:
            try:
                node = self._workflow[node_id]
                # Set outer options first, because the inputs inside an option exist only once it is chosen.
                for name, value in sorted(settings, key=lambda setting: setting[0].count(".")):
                    node = _set_value(node, name, value)
                self._nodes[key] = check_node(fill_defaults(node), self._workflow)
            except WorkflowError as error:
                self._nodes[key] = tuple(dict.fromkeys([*self._check_each(node_id, settings), str(error)]))
        return self._nodes[key]

    def _check_each(self, node_id: str, settings: _Settings) -> Iterator[str]:
        """Check each of several settings of a node alone, and yield the errors.

        A check of all settings together would stop at the first error.
        """
        for name, value in settings if len(settings) > 1 else ():
            # An input with a dot in its name is inside an option, and cannot be checked without this option.
            found = self._check(node_id, ((name, value),)) if "." not in name else ()
            yield from () if isinstance(found, Node) else found

    def _digest(self, node: Node) -> str:
        # The keys are Python's ids of objects. `_nodes` keeps every checked node alive, so no id is used again.
        if id(node) not in self._digests:
            self._digests[id(node)] = hash_node(node.id, node.class_type, node.inputs, _digest_files(node))
        return self._digests[id(node)]


def _is_output(node: Node) -> bool:
    return bool(getattr(get_node_class(node), "OUTPUT_NODE", False))


def _set_value(node: Node, name: str, value: Value) -> Node:
    """Return the node with one widget set; raise WorkflowError if the widget does not take the value."""
    if isinstance(value, bool):
        item = list_inputs(get_node_class(node), fill_defaults(node).inputs).get(name)
        if item is not None and item.type != "BOOLEAN" and value not in (item.options or []):
            raise WorkflowError(
                f"{node}: {name} = {value} is not {item.allowed}; YAML reads yes, no, on and off as true and false: "
                "write such a word in quotes"
            )
    return set_input(node, name, str(value))


def _digest_files(node: Node) -> list[str]:
    """Return the digests of the images that a node reads, so that a changed image gives the cell another hash."""
    if node.class_type != "LoadImage" or not isinstance(node.inputs.get("image"), str):
        return []
    path: Path = get_node_class(node).find(node.inputs["image"])
    return [hashlib.sha256(path.read_bytes()).hexdigest()]
