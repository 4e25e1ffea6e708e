"""A folder on a drive that has gone: whatever is asked of a path in it fails."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def unplug(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the system answer of a folder and all below it as it does of a drive that was mounted and is gone."""
    stat = os.stat

    def fail(path: Any, *more: Any, **settings: Any) -> os.stat_result:
        if not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))
        return stat(path, *more, **settings)

    monkeypatch.setattr(os, "stat", fail)
