"""Simulates a full disk: files can be written up to some size, or not at all."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def fill_disk(room: int) -> Iterator[None]:
    """While the block runs, let every write beyond the first `room` bytes of a file fail."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def refuse_writing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let `Path.open` and `Path.touch` fail for every file that is to be written."""
    whole = Path.open

    def refuse(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "w" in mode:
            raise OSError(code, os.strerror(code), str(path))
        return whole(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "touch", lambda path, *arguments, **options: refuse(path, "w"))
