"""The rehearsal of a sweep: before the first picture, quick nodes run once with each of their settings.

Some errors are noticed only when a node runs: a misspelled class, a layer that the model does not have, or a channel
number that is too high. The nodes that notice such errors take milliseconds. Nodes that make images from the results of
other nodes are slow, so they are left out.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections import Counter
from collections.abc import Sequence

from runner.kept_outputs import KeptOutputs
from runner.node_classes import get_node_class
from runner.workflow_execution import execute_workflow
from runner.workflow_graph import Workflow, WorkflowError
from sweeper.cells import Cell
from sweeper.errors import SweepError
from sweeper.grid_cells import GridWorkflows

MAX_SECONDS = 60.0
"""The time limit of a rehearsal. A cell that is not rehearsed by then may fail when it runs; its row then says why."""


def rehearse(cells: Sequence[Cell], workflows: GridWorkflows, max_seconds: float = MAX_SECONDS) -> int:
    """Run the quick nodes (`list_preparations`) of one cell after the other, and return how many cells were rehearsed.

    Args:
        cells: the cells, in the order in which they are rehearsed.
        workflows: the workflows of the grid.
        max_seconds: no further cell is rehearsed after so many seconds.

    Raises:
        SweepError: nodes raised errors, for instance because they refuse their values; each message is listed once,
            with the number of rehearsed cells that it affects and the number of all rehearsed cells.
    """
    begin = time.monotonic()
    kept = KeptOutputs(64, lambda node: True)
    answers: dict[str, str] = {}
    problems: Counter[str] = Counter()
    count = 0
    for cell in cells:
        if time.monotonic() - begin > max_seconds:
            break
        built = workflows.build(cell.workflow, cell.settings)
        found = set()
        for part in list_preparations(built):
            key = workflows.hash(cell.workflow, part)
            if key not in answers:
                answers[key] = _run(part, kept)
            found.add(answers[key])
        problems.update(found - {""})
        count += 1
    if problems:
        raise SweepError(
            *(f"{problem} ({times} of {count} checked cells)" for problem, times in problems.most_common())
        )
    return count


def list_preparations(built: Workflow) -> list[Workflow]:
    """Return the parts of a workflow that are quick to run: nodes that load something, or combine settings.

    Three kinds of nodes are left out: nodes that make images or masks from the results of other nodes, output nodes,
    and all nodes that depend on a node that is left out. The other nodes are called quick. Each part consists of a
    quick node that no other quick node needs, and of all nodes that this node needs.
    """
    quick: dict[str, set[str]] = {}
    for node_id, node in built.items():
        sources = [value[0] for value in node.inputs.values() if isinstance(value, list)]
        node_class = get_node_class(node)
        makes_images = bool({"IMAGE", "MASK"} & set(map(str, node_class.RETURN_TYPES))) and bool(sources)
        if makes_images or getattr(node_class, "OUTPUT_NODE", False) or any(source not in quick for source in sources):
            continue
        quick[node_id] = {node_id}.union(*(quick[source] for source in sources))
    inner = set().union(*(needs - {node_id} for node_id, needs in quick.items()))
    return [
        {name: built[name] for name in built if name in needs}
        for node_id, needs in quick.items()
        if node_id not in inner
    ]


def _run(part: Workflow, kept: KeptOutputs) -> str:
    """Run the nodes of `part`, and return the error message of the first that raises an error; "" if none does.

    `kept` is the cache of outputs; nodes whose outputs are in it are not run again.
    """
    try:
        # Hide the progress that nodes show.
        with contextlib.redirect_stderr(io.StringIO()):
            for _ in execute_workflow(part, kept):
                pass
    except WorkflowError as error:
        return " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001  (a node may raise any error, and every error would make the cell fail)
        return " ".join(f"{type(error).__name__}: {error} {' '.join(getattr(error, '__notes__', []))}".split())
    return ""
