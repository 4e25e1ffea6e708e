"""Renames inputs in workflows that were made with earlier versions of the pack.

The function for this is in `nodes/moved_inputs.py` of the pack. Only that file is loaded: importing the whole pack
would import PyTorch, which takes seconds, and an error in a workflow file should be reported at once.
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
    """Return the inputs of a node under their current names; inputs of nodes of other packs are unchanged."""
    moved: dict[str, Any] = _load().move_inputs(class_type, inputs)
    return moved
