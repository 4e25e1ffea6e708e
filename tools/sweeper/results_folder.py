"""The folder of the results of a sweep: its files, the sweep that it belongs to, and locks against other sweeps.

sweep.json        the name of the sweep
table.parquet     a row for each cell that is done or has failed
journal/          rows that the table may not have yet, a file for each worker (and for the driver)
pictures/ab/HASH/ the pictures of a cell, as `run_workflow` would save them; ab is the first two digits of HASH
sheet.png         the contact sheet
index.html        the page
ray.log           the output of Ray
.driver, .workers the files that are locked
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from das_core.common.files import write_atomically
from sweeper.errors import SweepError
from sweeper.journal import read_journals
from sweeper.table import FAILED, OK, Table

_HAS_LOCKS = importlib.util.find_spec("fcntl") is not None
"""Whether files can be locked. On Windows they cannot, so nothing prevents two sweeps from using one folder there."""

MARK = "sweep.json"
_FORMAT = 1
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class ResultsFolder:
    """A folder of results: the paths of its files, the name of the sweep that it belongs to, and its locks.

    Args:
        path: the folder.
    """

    path: Path

    @property
    def table(self) -> Path:
        """The path of the Parquet file with the table of the sweep."""
        return self.path / "table.parquet"

    @property
    def journals(self) -> Path:
        """The folder of journals: files in which workers note the rows of finished cells until the table has them."""
        return self.path / "journal"

    @property
    def pictures(self) -> Path:
        """The folder of pictures."""
        return self.path / "pictures"

    def pictures_of(self, cell: str) -> Path:
        """The folder of the pictures of a cell; it is in one of 256 folders, so that no folder has too many entries.

        Args:
            cell: the hash of the cell; its first two hexadecimal digits name the outer folder.
        """
        return self.pictures / cell[:2] / cell

    def claim(self, name: str) -> None:
        """Assign the folder to a sweep, or check that the folder already belongs to this sweep.

        Args:
            name: the name of the sweep.

        Raises:
            SweepError: the path is no folder; or the folder belongs to another sweep or another version of this tool,
                contains files that are no results, or cannot be read or written to.
        """
        mark = self.path / MARK
        if self.path.exists() and not self.path.is_dir():
            raise SweepError(f"--results {self.path} is no folder")
        if mark.is_file():
            owner = _read_owner(mark)
            if owner != name:
                raise SweepError(
                    f"{self.path} holds the results of another sweep, {owner!r}; this one is {name!r}: choose another "
                    "folder with --results, or give the grid that name"
                )
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise SweepError(f"{self.path} holds files that are no results of a sweep; choose another with --results")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The mark is written again each time, so that a folder that cannot be written to is noticed before anything
            # runs. It is written before the folders are made: if the mark does not fit on the disk, nothing else may be
            # left here, because a folder with files and without a mark is refused later.
            with write_atomically(mark) as part:
                part.write_text(json.dumps({"format": _FORMAT, "name": name}))
            for folder in (self.journals, self.pictures):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SweepError(f"cannot write to {self.path}: {error.strerror}; choose another with --results") from error

    @contextmanager
    def lock(self, say: Callable[[str], None]) -> Iterator[None]:
        """Keep other sweeps out of the folder while the `with` block runs.

        Before the block begins, wait until the workers of an earlier sweep have ended.

        Args:
            say: a function that is called once, with a message, if such workers have not ended yet.

        Raises:
            SweepError: another sweep is using the folder, or the workers of an earlier sweep do not end.
        """
        with (self.path / ".driver").open("a") as driver, (self.path / ".workers").open("a") as workers:
            if not _try_lock(driver):
                raise SweepError(f"another sweep is at work in {self.path}; wait for it, or end it")
            said, until = False, time.monotonic() + _WAIT_SECONDS
            while not _try_lock(workers):
                if not said:
                    say("waiting for workers of the sweep before, which are ending")
                if time.monotonic() > until:
                    raise SweepError(f"workers of an earlier sweep are still at work in {self.path}; end them first")
                said = True
                time.sleep(0.2)
            _unlock(workers)  # so that the workers of this sweep can lock the file, see `hold`
            self.remove_remains()
            yield

    def hold(self) -> IO[str]:
        """Return an open file; as long as it is open, its lock shows that a worker is using this folder."""
        file = (self.path / ".workers").open("a")
        if _HAS_LOCKS:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def has_workers(self) -> bool:
        """Tell whether a worker is using this folder.

        Workers on other machines are noticed only if the file system has locks that all machines share.
        """
        with (self.path / ".workers").open("a") as file:
            return not _try_lock(file)

    def remove_remains(self) -> None:
        """Remove the pictures of cells that were never finished."""
        for remains in self.pictures.glob(".part-*"):
            shutil.rmtree(remains, ignore_errors=True)

    def collect(self, table: Table) -> list[Path]:
        """Add the rows of all journals to a table, and return the paths of the journals.

        Rows with a status other than OK and FAILED are left out. The caller deletes the journals later.
        """
        journals = []
        for path, rows in read_journals(self.journals):
            for row in rows:
                if row.get("status") in (OK, FAILED):
                    table.add(row)
            journals.append(path)
        return journals


def _read_owner(mark: Path) -> str:
    try:
        data = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SweepError(f"{mark} cannot be read: {error}; choose another folder with --results") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise SweepError(f"{mark} is of another version of this tool; choose another folder with --results")
    return str(data.get("name"))


def _try_lock(file: IO[str]) -> bool:
    if not _HAS_LOCKS:
        return True
    import fcntl

    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _unlock(file: IO[str]) -> None:
    if _HAS_LOCKS:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


def move_folder(source: Path, target: Path) -> None:
    """Move a finished folder to its place; a folder that a killed worker may have left there is deleted first."""
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    os.replace(source, target)
