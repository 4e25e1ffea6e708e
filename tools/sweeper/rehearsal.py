"""Tries the quick nodes of cells before any cell runs: a misspelled class is noticed only when a node runs."""

from __future__ import annotations

import contextlib
import io
import time
from collections import Counter
from collections.abc import Iterable

from das_core.runs.cells import Cell, RunsError, describe_error
from runner.kept_outputs import KeptOutputs
from runner.node_classes import get_node_class, is_output
from runner.workflow_execution import execute_workflow
from runner.workflow_graph import Node, Workflow
from sweeper.workflows import Workflows


def rehearse(cells: Iterable[Cell], workflows: Workflows, seconds: float = 60.0) -> int:
    """Run the quick nodes of cells for some seconds, and return how many cells; a RunsError lists what they say."""
    begin, count, kept = time.monotonic(), 0, KeptOutputs(1000, lambda node: True)
    problems: Counter[str] = Counter()
    for cell in cells:
        if time.monotonic() - begin > seconds:
            break
        count += 1
        quick = find_quick(workflows.build(*cell.task[1:]))
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # hides the progress that nodes show
                list(execute_workflow(quick, kept))
        except Exception as error:  # noqa: BLE001  (every error of a node would make the cell fail)
            problems[describe_error(error)] += 1
    if problems:
        raise RunsError(*(f"{problem} ({n} of {count} checked cells)" for problem, n in problems.most_common()))
    return count


def find_quick(built: Workflow) -> Workflow:
    """Return all nodes but the slow ones: those that make images or masks of others' results, outputs, what follows."""
    quick: dict[str, Node] = {}
    for node_id, node in built.items():
        sources = [value[0] for value in node.inputs.values() if isinstance(value, list)]
        makes_images = {"IMAGE", "MASK"} & set(map(str, get_node_class(node).RETURN_TYPES)) and sources
        if not makes_images and not is_output(node) and all(source in quick for source in sources):
            quick[node_id] = node
    return quick
