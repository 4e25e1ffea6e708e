"""What workers tell the driver."""

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
        row: the row of the cell, which the worker has written into its journal if it sees the folder of the results.
        files: the pictures by path in that folder, if it does not.
    """

    worker: int
    row: Row
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """A worker is gone, and with it the cell it was running.

    Args:
        worker: its number.
        reason: what Ray says of it.
    """

    worker: int
    reason: str


@dataclass(frozen=True)
class Stopped:
    """Nothing can go on, such as on a full disk.

    Args:
        reason: why, and what helps.
    """

    reason: str


Event: TypeAlias = Ready | Done | Died | Stopped
