"""The folder of the results of a run of many cells, such as a sweep.

`run.json` has the name of the run. `cells/ab/HASH/` has the files of the cell with this hash, which begins with ab,
and `row.json`, which is written last: then the cell is done. `table.parquet` has all rows. `.lock` is locked by the
process that writes here. A folder may be of a stranger: with a link, a pipe or a device in it, at any depth, it is
refused, so that nothing outside of it is read, written or deleted, and nothing waits for ever.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from ..common.files import write_atomically
from ..common.text import shorten
from .cells import Row, RunsError, RunsStoppedError

_LARGEST = 2**26  # Bytes of a JSON file; what is longer is cut, and damaged.


class _StoredRow(BaseModel):
    """What row.json may hold; the file may be damaged, or of a stranger."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr | None]
    cell: str
    status: Literal["ok", "failed"]
    message: str | None = None
    pictures: list[str] = []


class Results:
    """The folder of results; `rows` has the rows of all its cells by their hashes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.rows: dict[str, Row] = {}
        self._next_write = time.monotonic() + 10

    @contextmanager
    def claim(self, name: str, advice: str = "choose another folder") -> Iterator[None]:
        """Lock the folder for the run `name`, and read its rows; a RunsError says why it cannot be used."""
        mark, lock = self.path / "run.json", filelock.FileLock(self.path / ".lock")
        wanted = {"format": 1, "name": name}
        with ExitStack() as held:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                _list_entries(self.path, (".lock",))
                held.enter_context(lock.acquire(timeout=0))
                names = {entry.name for entry in _list_entries(self.path, (mark.name,))}
                try:
                    found = json.loads(_read(mark)) if mark.name in names else None
                except (ValueError, RecursionError):
                    found = "damaged"
                # A process that was killed may have left a part of run.json.
                if found is None and not all(name.startswith((".lock", ".run.json.")) for name in names):
                    raise RunsError(f"{self.path} holds files that are no results of such a run; {advice}")
                if found is not None and found != wanted:
                    raise RunsError(f"{self.path} is of another run, {str(found)[:200]}; this is {name!r}: {advice}")
                # Also where it is there already: a folder that cannot be written to is noticed before anything runs.
                with write_atomically(mark) as part:
                    part.write_text(json.dumps(wanted))
            except filelock.Timeout:
                raise RunsError(f"another run is at work in {self.path}; wait for it, or end it") from None
            except OSError as error:
                raise RunsError(f"cannot write to {self.path}: {error.strerror}; {advice}") from error
            self.read()
            yield

    def read(self) -> None:
        """Read the rows of all finished cells; a row that is not whole is left out, so its cell runs again. A RunsError
        names a link, a pipe or a device in the folder."""
        folders = [str(self.path)]
        for folder in folders:
            try:
                folders += [entry.path for entry in _list_entries(folder) if entry.is_dir(follow_symlinks=False)]
            except FileNotFoundError:
                pass  # Another process has just replaced it, or there are no results yet.
            except OSError as error:
                raise RunsError(f"{shorten(folder, 300)} cannot be read ({error.strerror}); remove it") from error
        found = [row for path in self.path.glob("cells/*/*/row.json") if (row := _read_row(path))]
        self.rows = {row["cell"]: row for row in sorted(found, key=lambda row: str(row.get("finished")))}

    def save(self, row: Row, files: Mapping[str, bytes]) -> None:
        """Store the result of a cell: first its files, by their paths in the folder of the cell, then its row."""
        home = self.path / "cells" / row["cell"][:2] / row["cell"]
        row = row | {"pictures": [f"cells/{home.parent.name}/{home.name}/{name}" for name in row["pictures"]]}
        # Half of a surrogate pair, as in some names of files, becomes "?".
        text = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
        shutil.rmtree(home, ignore_errors=True)
        with explain_unwritable(home):
            home.mkdir(parents=True, exist_ok=True)
        with replace_file(home / "row.json") as part:
            for name, content in files.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_bytes(content)
            part.write_bytes(text)
        self.rows[row["cell"]] = json.loads(text)
        if time.monotonic() > self._next_write:
            self.write_table()

    def write_table(self) -> None:
        """Write all rows to table.parquet, atomically."""
        begin, told = time.monotonic(), {"cell": pa.string(), "status": pa.string(), "message": pa.string()}
        write_table(self.path / "table.parquet", list(self.rows.values()), told | {"pictures": pa.list_(pa.string())})
        # At most 5 % of the time is spent on writing; a large table takes long.
        self._next_write = time.monotonic() + max(10, 20 * (time.monotonic() - begin))


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which then replaces a file; a RunsStoppedError says why it cannot."""
    with explain_unwritable(path), write_atomically(path) as part:
        yield part


@contextmanager
def explain_unwritable(path: Path) -> Iterator[None]:
    """Turn an error of writing a file into a RunsStoppedError that says why it cannot be written."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        said = f"{path} cannot be written: {reason}; make room, or move away what stands there"
        raise RunsStoppedError(said) from error


def _list_entries(folder: Path | str, checked: Container[str] = ()) -> list[os.DirEntry[str]]:
    """Return what is in a folder; a RunsError says when one of the names `checked`, all if there are none, is neither a
    file nor a folder."""
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        is_plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
        if not is_plain and (entry.name in checked or not checked):
            raise RunsError(
                f"{shorten(entry.path, 300)} is a link, a pipe or a device, and a folder of results holds files and "
                "folders alone; remove it, or move what it leads to there"
            )
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST)


def _read_row(path: Path) -> Row | None:
    """Return the row in a file; None if it is no row of the cell that the folder is named after."""
    try:
        row = _StoredRow.model_validate_json(_read(path)).model_dump()
    except (OSError, ValidationError):
        return None
    return row if row["cell"] == path.parent.name else None


def write_table(path: Path, rows: Sequence[Row], types: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write rows as a Parquet file, atomically. A column whose values have no common type becomes a column of texts;
    `types` are those of columns that come first, and may hold nothing yet."""
    table = {}
    for name in dict.fromkeys([*types, *(name for row in rows for name in row)]):
        values = [row.get(name) for row in rows]
        try:
            table[name] = pa.array(values, types.get(name))
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            table[name] = pa.array([None if value is None else str(value) for value in values], pa.string())
    with replace_file(path) as part:
        pq.write_table(pa.table(table), part, compression="zstd")
