"""Makes a folder look as if it were on a drive that is no longer connected: every `os.stat` in it fails."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def unplug(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `os.stat` of a folder and of all paths below it fail as on a mounted drive that is no longer connected."""
    stat = os.stat

    def fail(path: Any, *more: Any, **settings: Any) -> os.stat_result:
        if not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))
        return stat(path, *more, **settings)

    monkeypatch.setattr(os, "stat", fail)
