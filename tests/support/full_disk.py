"""A disk on which no more than some bytes of a file have room, or none."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def fill_disk(room: int) -> Iterator[None]:
    """Let every file that is written while the block runs end, with an error, after so many bytes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def refuse_writing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let no file be opened for writing any more.

    Args:
        monkeypatch: the fixture of the test, which takes it back.
        code: the `errno` of the error, such as `errno.ENOSPC`.
    """
    whole = Path.open

    def refuse(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "w" in mode:
            raise OSError(code, os.strerror(code), str(path))
        return whole(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
