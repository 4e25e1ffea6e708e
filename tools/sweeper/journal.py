"""Journals: rows that are written the moment a cell is done, a line each, one file for each worker.

Every worker has its own journal, so no two processes write to one file, and no worker waits for the driver. A row is
valid once its line is complete; an incomplete line of a killed process is ignored. The driver copies the rows into the
table and deletes the journals of workers that have ended.
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
        path: the file; it is made with the first row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, row: Row) -> None:
        """Write a row to the disk.

        Raises:
            OSError: the disk is full or cannot be written to; then the row does not count.
        """
        # The newline comes first, so that an incomplete row before it stays a line of its own.
        line = f"\n{json.dumps(row)}\n".encode()
        with self._path.open("ab", buffering=0) as file:
            written = file.write(line)
            if written != len(line):
                raise OSError(28, "No space left on device", str(self._path))
            os.fsync(file.fileno())


def read_journals(folder: Path) -> Iterator[tuple[Path, list[Row]]]:
    """Yield the journals in a folder with their complete rows."""
    for path in sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file()):
        yield path, list(_read_rows(path.read_bytes().split(b"\n")))


def _read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):  # cut off, or never a row
            continue
        if is_row(row):
            yield row


def is_row(row: Any) -> TypeGuard[Row]:
    """Return whether something that a journal holds can be a row: a journal may come from anywhere.

    A row has a cell and a status that are texts; its pictures are a list of texts, and everything else are texts,
    numbers that a grid may hold, booleans or nothing. The names of its columns can be encoded as UTF-8.
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
