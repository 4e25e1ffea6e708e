"""The current names for inputs of workflows that were made with former versions of the pack.

The pack has a function for this, in `nodes/moved_inputs.py`. Only that file is loaded, because importing the whole pack
imports PyTorch, which takes seconds, and an error in a workflow file should be reported at once.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Any

from repository import REPOSITORY


@cache
def _load() -> Any:
    spec = importlib.util.spec_from_file_location("moved_inputs", REPOSITORY / "nodes" / "moved_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def move_inputs(class_type: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a node of the pack under their current names; those of other nodes stay."""
    moved: dict[str, Any] = _load().move_inputs(class_type, inputs)
    return moved
