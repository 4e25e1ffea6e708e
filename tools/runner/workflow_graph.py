"""The graph of an API-format workflow file: its nodes, their links, and the order in which they run."""

from __future__ import annotations

import difflib
import graphlib
import json
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

_LONGEST_MESSAGE = 1000


class WorkflowError(ValueError):
    """An error in a workflow or in the command line: one sentence for the user, shortened by `elide`."""

    is_sentence = True  # see `describe_error` of das_core.runs

    def __init__(self, message: str) -> None:
        super().__init__(elide(message))


def elide(message: str) -> str:
    """Return a message, without its middle if it is long; its end is kept, because the end says what to do."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: half - 3]} […] {message[3 - half :]}"


@dataclass(frozen=True)
class Node:
    """One node of a workflow: an input is a plain value, or a link `[node id, output number]`."""

    id: str
    class_type: str
    title: str
    inputs: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {self.id} ({self.class_type})"


Workflow: TypeAlias = Mapping[str, Node]


def suggest_names(name: str, names: Iterable[str]) -> str:
    """Return a phrase with at most five names close to `name`, also by their last part, or with the first eight."""
    known = sorted(set(names))
    last_parts = {known_name: known_name.rpartition(".")[2] for known_name in known}
    near = difflib.get_close_matches(name, [*known, *last_parts.values()], n=5)
    close = [known_name for found in near for known_name in known if found in (known_name, last_parts[known_name])]
    if close:
        return f"nearest: {', '.join(list(dict.fromkeys(close))[:5])}"
    more = ", …" if len(known) > 8 else ""
    return f"there are: {', '.join(known[:8])}{more}" if known else "there are none"


def quote(value: object) -> str:
    """Return a value as it is quoted in a message: its `repr`, shortened."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 200
    try:
        return writer.repr(value)
    except ValueError:
        return f"a {type(value).__name__} of thousands of digits"  # Python refuses to convert such a number to text


def read_workflow(path: Path) -> Workflow:
    """Read an API-format workflow file; raise WorkflowError if there is no such file, or it holds no such workflow."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WorkflowError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise WorkflowError(f"{path} is not a JSON file: {error}") from error
    return parse_workflow(data, str(path))


def parse_workflow(data: object, source: str) -> Workflow:
    """Return the workflow in the content of an API-format file; `source` is its name, for messages."""
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        raise WorkflowError(
            f"{source} is a workflow as ComfyUI's page saves it, which only the page can read; "
            "open it there and choose Workflow > Export (API)"
        )
    if not isinstance(data, dict) or not data:
        raise WorkflowError(f"{source} holds no nodes; export a workflow with Workflow > Export (API)")
    return {node_id: _read_node(node_id, entry) for node_id, entry in data.items()}


def _read_node(node_id: str, entry: object) -> Node:
    """Return the node of an entry of a workflow file."""
    if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
        raise WorkflowError(f"node {node_id} has no class_type, so this is no workflow in API format")
    inputs = entry.get("inputs")
    if not isinstance(inputs, dict):
        raise WorkflowError(f"node {node_id} ({entry['class_type']}) has no inputs; write {{}} when it needs none")
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(node_id, entry["class_type"], str(title or ""), inputs)


def to_prompt(workflow: Workflow) -> dict[str, Any]:
    """Return the workflow in the JSON form that ComfyUI's server receives and stores in image files."""
    return {
        node.id: {"inputs": dict(node.inputs), "class_type": node.class_type, "_meta": {"title": node.title}}
        for node in workflow.values()
    }


def find_node(workflow: Workflow, name: str) -> Node | None:
    """Return the node with this id, or else the only node with this class or title; None if there is no such node."""
    if name in workflow:
        return workflow[name]
    same = [node for node in workflow.values() if name in (node.class_type, node.title)]
    if len(same) > 1:
        raise WorkflowError(f"{name!r} could be any of the nodes {', '.join(node.id for node in same)}; give one id")
    return same[0] if same else None


def get_node(workflow: Workflow, name: str) -> Node:
    """Return the node with this id, or else the only node with this class or title."""
    node = find_node(workflow, name)
    if node is None:
        names = [name for node in workflow.values() for name in (node.id, node.class_type, node.title) if name]
        raise WorkflowError(f"no node {name!r} in the workflow; {suggest_names(name, names)}")
    return node


def find_input(workflow: Workflow, path: str) -> tuple[Node, str]:
    """Split NODE.INPUT at the first dot before which a node is named; both parts may contain dots."""
    parts = path.split(".")
    if len(parts) == 1:
        raise WorkflowError(f"{path!r} names no input; the form is NODE.INPUT=VALUE")
    for cut in range(1, len(parts)):
        node = find_node(workflow, ".".join(parts[:cut]))
        if node is not None:
            return node, ".".join(parts[cut:])
    return get_node(workflow, parts[0]), ""


def find_source(workflow: Workflow, node: Node, name: str) -> tuple[Node, int] | None:
    """Return the node and the output number that an input is linked to, or None for a plain value."""
    link = node.inputs[name]
    if not isinstance(link, list):
        return None
    if len(link) != 2 or not isinstance(link[1], int):
        raise WorkflowError(f"{node}: {name} = {quote(link)} is no link; a list must be [node id, output number]")
    if link[0] not in workflow:
        raise WorkflowError(f"{node}: {name} is linked to node {str(link[0])[:200]}, which is not in the workflow")
    return workflow[link[0]], link[1]


def sort_nodes(workflow: Workflow, outputs: Iterable[str]) -> list[str]:
    """Return the ids of `outputs` and all that they need, depth first: one branch is saved before another can fail."""
    needs: dict[str, list[str]] = {}
    pending = list(outputs)
    while pending:
        node_id = pending.pop()
        if node_id not in needs:
            node = workflow[node_id]
            sources = [find_source(workflow, node, name) for name in node.inputs]
            needs[node_id] = [found[0].id for found in sources if found]
            pending += needs[node_id]
    sorter = graphlib.TopologicalSorter({node_id: needs[node_id] for node_id in workflow if node_id in needs})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise WorkflowError(f"the links of nodes {' -> '.join(error.args[1])} run in a circle") from error
    order: list[str] = []
    ready = list(reversed(sorter.get_ready()))
    while ready:
        order.append(ready.pop())
        sorter.done(order[-1])
        ready += reversed(sorter.get_ready())
    return order
