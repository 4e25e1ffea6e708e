"""The names of today for inputs of workflows that former versions of the pack made.

The pack's own function does it. Its file is loaded by itself: the pack needs PyTorch, and a wrong workflow file is to
be reported at once.
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
    """Return the inputs of a node of the pack under the names of today; those of other nodes stay."""
    moved: dict[str, Any] = _load().move_inputs(class_type, inputs)
    return moved
