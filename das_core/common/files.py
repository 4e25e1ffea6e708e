"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block ends without an error, the file written there becomes `path`.

    The yielded path lies in the folder of `path`, so that the last step is one rename, and has a name of its own, so
    that two processes never write to the same one. It is removed when the block raises. The folder must exist.

    Raises:
        OSError: the file cannot be written or renamed.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
