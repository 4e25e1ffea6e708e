"""The error for a complete result whose file could not be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..ascent.result import Result
from ..common.text import shorten


class UnsavedError(OSError):
    """The error for a finished result whose file cannot be written, as on a full disk; the error holds the result.

    Args:
        result: what `render`, `film` or `zoom` would have returned.
        path: the file.
        reason: why it cannot be written.

    Example:
        >>> import direct_ascent as da
        >>> try:  # doctest: +SKIP
        ...     made = da.film(da.load_starter(), "0: castle / 12: volcano", path="morph.mp4")
        ... except da.UnsavedError as error:
        ...     made = error.result
    """

    def __init__(self, result: Result, path: Path | str, reason: OSError) -> None:
        super().__init__(
            f"'{shorten(Path(path).name)}' could not be written ({reason.strerror or reason}); the result is kept as "
            "'result' of this error: 'except UnsavedError as error: made = error.result', after which 'made.save(…)' "
            "writes it elsewhere. At a prompt or in a notebook 'import sys; made = sys.last_value.result' has it, too"
        )
        self.result, self._path, self._reason = result, path, reason

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the error anew, so that a pool of processes can hand it on with its result."""
        return type(self), (self.result, self._path, self._reason)


@contextmanager
def keep(result: Result, path: Path | str) -> Iterator[None]:
    """Turn an OSError of the `with` block, which writes a result to a file, into an `UnsavedError` with the result."""
    try:
        yield
    except OSError as error:
        raise UnsavedError(result, path, error) from error
