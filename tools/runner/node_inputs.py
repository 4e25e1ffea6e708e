"""Lists the inputs of a node in a workflow, fills in their defaults, and sets their values from text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from runner.input_specs import AUTOGROW, DYNAMIC_COMBO, Input, flatten_inputs, parse_specs
from runner.node_classes import NodeClass, finalize_specs, get_node_class, read_input_types
from runner.workflow_graph import Node, WorkflowError, quote, suggest_names

# The types of widgets other than combos, each with the Python function that converts a value to this type
WIDGET_TYPES = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
# The words that may be written for a BOOLEAN, each with its value
BOOLEAN_WORDS = {**dict.fromkeys(("true", "1", "yes", "on"), True), **dict.fromkeys(("false", "0", "no", "off"), False)}


def list_inputs(node_class: NodeClass, values: Mapping[str, Any]) -> dict[str, Input]:
    """Return the inputs, by name, that a class takes while its widgets and sockets hold `values`."""
    # finalize_specs drops a DynamicCombo whose option is invalid; add it back.
    found = {item.name: item for item in _reachable_combos(parse_specs(read_input_types(node_class)), values)}
    specs, _, _ = finalize_specs(node_class, values)
    return found | {item.name: item for item in parse_specs(specs)}


def _reachable_combos(inputs: Iterable[Input], values: Mapping[str, Any]) -> Iterator[Input]:
    """Yield each DynamicCombo among the inputs and, recursively, among the inputs inside its chosen option."""
    for item in inputs:
        if item.type == DYNAMIC_COMBO:
            yield item
            for option, brought in item.inputs_by_option.items():
                if values.get(item.name) == option:
                    yield from _reachable_combos(brought, values)


def list_input_names(node_class: NodeClass) -> set[str]:
    """Return the names of all inputs that a class can take; an Autogrow itself has no value."""
    return {item.name for item in flatten_inputs(parse_specs(read_input_types(node_class))) if item.type != AUTOGROW}


def fill_defaults(node: Node) -> Node:
    """Return the node with the missing values of required widgets filled in: their defaults (`Input.default`)."""
    values = dict(node.inputs)
    while True:  # repeat, because the default option of a DynamicCombo can contain more widgets
        items = list_inputs(get_node_class(node), values).values()
        missing = {item.name: item.default for item in items if item.required and item.name not in values}
        missing = {name: default for name, default in missing.items() if default is not None}
        if not missing:
            return replace(node, inputs=values)
        values |= missing


def set_input(node: Node, name: str, text: str) -> Node:
    """Return the node with one widget set; the type of the widget decides how the text is read."""
    filled = fill_defaults(node).inputs
    items = list_inputs(get_node_class(node), filled)
    if name not in items:
        widgets = dict(_list_widgets(parse_specs(read_input_types(get_node_class(node))), filled))
        if name in widgets:
            raise WorkflowError(f"{node}: {name} is an input only with {widgets[name]}; set that too")
        raise WorkflowError(f"{node}: no input {name!r}; {suggest_names(name, widgets)}")
    item = items[name]
    values = dict(node.inputs) | {name: _parse_text(node, item, text)}
    if item.type == DYNAMIC_COMBO:  # drop the inputs of the former option, as ComfyUI's page does
        known = list_inputs(get_node_class(node), values)
        values = {key: value for key, value in values.items() if key in known or not key.startswith(f"{name}.")}
    return replace(node, inputs=values)


def _list_widgets(inputs: Iterable[Input], values: Mapping[str, Any], missing: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name of each widget among the inputs, and which options have to be chosen before it exists."""
    for item in inputs:
        if item.options is not None or item.type in WIDGET_TYPES:
            yield item.name, missing
        for option, brought in item.inputs_by_option.items():
            more = "" if not missing and values.get(item.name) == option else f"{item.name}={option}"
            yield from _list_widgets(brought, values, " and ".join(filter(None, (missing, more))))


def _parse_text(node: Node, item: Input, text: str) -> Any:
    """Return the value that a text stands for; raise WorkflowError if the text is not a value of the input's type."""
    if item.options is not None:
        choice = [option for option in item.options if str(option) == text]
        if not choice:
            raise WorkflowError(f"{node}: {item.name} = {quote(text)} is not {item.allowed}")
        return choice[0]
    if item.type not in WIDGET_TYPES:
        raise WorkflowError(f"{node}: {item.name} is a socket for {item.type}; only widgets can be set")
    if item.type == "BOOLEAN":
        if text.lower() not in BOOLEAN_WORDS:
            raise WorkflowError(f"{node}: {item.name} = {quote(text)} is not true or false")
        return BOOLEAN_WORDS[text.lower()]
    return convert_value(node, item, text)


def convert_value(node: Node, item: Input, value: Any) -> Any:
    """Convert the value of a widget of `WIDGET_TYPES` as ComfyUI does; other inputs keep their values."""
    if isinstance(value, dict) and "__value__" in value:  # ComfyUI's form for a list as a value; a plain list is a link
        value = value["__value__"]
    if isinstance(item.type, str) and item.type in WIDGET_TYPES:
        try:
            return WIDGET_TYPES[item.type](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise WorkflowError(f"{node}: {item.name} = {quote(value)} cannot be read as {item.allowed}") from error
    return value
