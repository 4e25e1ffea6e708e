"""Journals: files of JSON lines, to which a row is written as soon as its cell is done or has failed.

Every worker has its own journal, so no two processes write to one file, and no worker waits for the driver. A row is
valid once its line is complete; an incomplete line of a killed process is ignored. The driver copies the rows into the
table, and deletes the journals when all workers have ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from sweeper.grid_yaml import MAX_DIGITS

Row: TypeAlias = dict[str, Any]
"""One row of the table: its values by the names of the columns."""

SUFFIX = ".jsonl"


class Journal:
    """The journal of one worker.

    Args:
        path: the file; it is created when the first row is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, row: Row) -> None:
        """Write a row to the disk.

        Raises:
            OSError: the disk is full or cannot be written to. The line in the file may then be incomplete, and
                `read_journals` skips such a line.
        """
        # A newline also precedes the row, so that an incomplete row before it stays a line of its own.
        line = f"\n{json.dumps(row)}\n".encode()
        with self._path.open("ab", buffering=0) as file:
            written = file.write(line)
            if written != len(line):
                raise OSError(28, "No space left on device", str(self._path))
            os.fsync(file.fileno())


def read_journals(folder: Path) -> Iterator[tuple[Path, list[Row]]]:
    """Yield the path of each journal in a folder, with its complete rows."""
    for path in sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file()):
        yield path, list(_read_rows(path.read_bytes().split(b"\n")))


def _read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):  # an incomplete line, or a line that is not JSON
            continue
        if is_row(row):
            yield row


def is_row(row: Any) -> TypeGuard[Row]:
    """Return whether a value from a journal can be a row; journals are not trusted.

    The entry `cell` of a row is a text that is not empty. If there is a `status`, it is a text. `message` is a text or
    None, and `pictures` is a list of texts or None. Every other entry is a text, a boolean, None, a float, or a whole
    number of at most `MAX_DIGITS` digits. The names of the columns can be encoded as UTF-8.
    """
    if not isinstance(row, dict) or not all(isinstance(row.get(name, ""), str) for name in ("cell", "status")):
        return False
    if not row.get("cell") or not isinstance(row.get("message", ""), str | None):
        return False
    pictures = row.get("pictures")
    lists = pictures is None or (isinstance(pictures, list) and all(isinstance(name, str) for name in pictures))
    values = (value for name, value in row.items() if name != "pictures")
    return lists and all(map(_is_value, values)) and all(map(_is_column, row))


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 10**MAX_DIGITS)


def _is_column(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
