"""The events that the driver gets from workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sweeper.journal import Row


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the pack and waits for cells.

    Args:
        worker: its number.
        name: its machine and process.
    """

    worker: int
    name: str


@dataclass(frozen=True)
class Done:
    """A worker has run a cell.

    Args:
        worker: its number.
        row: the row of the cell. If the worker has access to the folder of results, it has written the row to its
            journal.
        files: if it has no access, the pictures, by their path in that folder.
    """

    worker: int
    row: Row
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """A worker is gone, and with it the cell it was running.

    Args:
        worker: its number.
        reason: Ray's message.
    """

    worker: int
    reason: str


@dataclass(frozen=True)
class Stopped:
    """The sweep cannot continue, for instance because the disk is full.

    Args:
        reason: why, and what to do.
    """

    reason: str


Event: TypeAlias = Ready | Done | Died | Stopped
