"""Writes files whole or not at all, even if the disk is full or the process is killed.

`das_core` has a function of its own for this. It is not imported here, because the runner can run any pack.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: the file appears, or replaces an existing file, only when it is complete.

    Args:
        path: the file, in a folder that exists.
        content: the bytes of the file.

    Raises:
        OSError: the file cannot be written; the error names it, and no incomplete file is left.
    """
    # The name is shortened to at most 200 bytes, because the additions could make it longer than a file name may be. On
    # most disks that is 255 bytes, and a character takes up to four.
    part = path.with_name(f".{path.stem[:50]}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)
