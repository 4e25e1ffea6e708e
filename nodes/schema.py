"""What all nodes share: socket types, a schema that old versions of ComfyUI take too, and the choice of an option."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io

Classifier = io.Custom("DAS_CLASSIFIER")
Stack = io.Custom("DAS_STACK")
Augmentation = io.Custom("DAS_AUGMENTATION")
Objective = io.Custom("DAS_OBJECTIVE")
History = io.Custom("DAS_HISTORY")

_KNOWN = {field.name for field in dataclasses.fields(io.Schema)}


def schema(**fields: Any) -> io.Schema:
    """A schema without the fields that the running ComfyUI does not know (search aliases came after 0.8.0)."""
    return io.Schema(**{name: value for name, value in fields.items() if name in _KNOWN})


def chosen(name: str, value: Any, options: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The option that is chosen in a DynamicCombo, and the inputs it brings; ValueError when it is none of `options`.

    ComfyUI does not check this (0.8.0): an unknown choice is left out of what a node is given, or comes as bare text.
    """
    inputs = value if isinstance(value, dict) else {name: value}
    option = inputs.get(name)
    if not isinstance(option, str) or option not in options:
        what = f"{name} '{option}' is unknown" if option else f"{name} is missing or unknown"
        raise ValueError(f"{what}; choose {', '.join(options[:-1])} or {options[-1]}")
    return option, {key: inner for key, inner in inputs.items() if key != name}
