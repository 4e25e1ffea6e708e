"""Files that are written whole or not at all, also on a full disk or when the process is killed.

`das_core` has its own function for this, which is not imported here, because the runner can run any pack.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: it appears, or replaces the one that is there, when it is complete.

    Args:
        path: the file, in a folder that exists.
        content: what it holds.

    Raises:
        OSError: when it cannot be written; the error names the file, and nothing incomplete is left.
    """
    part = path.with_name(f".{path.stem[:100]}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)
