"""Copies of this process that do something at the same time, and end without anything of ours."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def start(work: Callable[[], Any]) -> int:
    """Run something in a copy of this process, and return its id; it ends without anything of ours."""
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
