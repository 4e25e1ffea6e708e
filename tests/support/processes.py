"""Forks of this process that run in parallel and end without the clean-up of pytest."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def start(work: Callable[[], Any]) -> int:
    """Run something in a fork of this process and return its id. It ends without clean-up, with 0, or 1 on an error."""
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
    """Return the names of the files of weights or stacks in a folder, in order."""
    return sorted(path.name for path in folder.glob("*.safetensors"))
