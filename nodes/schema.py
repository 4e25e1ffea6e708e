"""What all nodes share: socket types, and a schema that old versions of ComfyUI take too."""

import dataclasses
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
