"""The events of a sweep that are reported to its driver, the process that sends cells to the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sweeper.journal import Row


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the pack and waits for cells.

    Args:
        worker: the number of the worker.
        name: the name of the worker, which no other process has had (`name_worker`).
    """

    worker: int
    name: str


@dataclass(frozen=True)
class Done:
    """A worker has run a cell.

    Args:
        worker: the number of the worker.
        row: the row of the cell in the table of results. If the worker has access to the folder of results, it has
            also written the row to its journal, a file in that folder.
        files: if the worker has no access to that folder, the content of the picture files, by their paths in the
            folder; else empty.
    """

    worker: int
    row: Row
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """A worker has died, possibly before the cell that it was running was done.

    Args:
        worker: the number of the worker.
        reason: Ray's message.
    """

    worker: int
    reason: str


@dataclass(frozen=True)
class Stopped:
    """The sweep cannot continue, for instance because the disk is full.

    Args:
        reason: why the sweep cannot continue, and what to do.
    """

    reason: str


Event: TypeAlias = Ready | Done | Died | Stopped
