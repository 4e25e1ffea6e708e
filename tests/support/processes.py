"""Forks of this process that run in parallel and end without the clean-up of pytest."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def start(work: Callable[[], Any]) -> int:
    """Run `work` in a fork of this process, and return the id of the fork."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.safetensors"))
