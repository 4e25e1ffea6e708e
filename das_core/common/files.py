"""Files that are written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends without an error, the file there becomes `path`.

    The temporary file is renamed in one step, so nobody ever reads half a file: whatever was at `path` stays there
    until the new file is complete. When the block raises, the temporary file is removed. Only a process that is killed
    outright leaves one behind, named `.NAME.….part`.

    Args:
        path: where the file will be; its folder must exist.

    Raises:
        OSError: when the file cannot be renamed, or the block has not written one.

    Example:
        >>> import tempfile
        >>> from das_core.common.files import write_atomically
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with write_atomically(Path(folder, "scores.txt")) as part:
        ...         _ = part.write_text("0.5")
        ...     sorted(found.name for found in Path(folder).iterdir())
        ['scores.txt']
    """
    # In the folder of `path`, because a rename is one step only within a file system; under a name of its own, so that
    # two writers of one path do not write into one file.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
