"""The driver of a sweep: sends cells to workers, collects rows, replaces workers that die, and writes the table."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sweeper.errors import SweepStoppedError
from sweeper.journal import SUFFIX, Journal, Row, read_journals
from sweeper.plan import Task
from sweeper.pool_events import Died, Done, Event, Ready, Stopped
from sweeper.progress import Progress
from sweeper.results_folder import ResultsFolder
from sweeper.table import FAILED, Table

MAX_DEATHS = 3
"""If this many workers have died while they ran the same cell, the cell counts as failed. The sweep stops if more
than `MAX_DEATHS` times the wanted number of workers have died since a worker last finished a cell."""

_QUEUE = 2
"""How many cells a worker has at once: the cell that it runs, and the next cell, so that it does not have to wait."""

_WAIT_SECONDS = 1.0
_TABLE_SECONDS = 10.0
_TABLE_SHARE = 0.05
"""The largest share of the driver's time that is spent on writing the table. A large table takes long to write."""


class Pool(Protocol):
    """The methods of a pool of workers that the driver calls; `RayPool` implements them.

    Attributes:
        shared: whether the workers have access to the folder of results.
    """

    shared: bool

    def start_worker(self, memory: int) -> int:
        """Start a worker that needs `memory` bytes (0 if the need is unknown), and return the number of the worker."""

    def submit(self, worker: int, task: Task) -> None:
        """Send a worker a cell to run."""

    def wait(self, seconds: float) -> list[Event]:
        """Return the events of the workers since the last call; wait at most `seconds` for the first event."""


class Driver:
    """Runs the tasks of a sweep on a pool of workers.

    Args:
        pool: the workers.
        folder: the folder of the results.
        table: the table of results, to which the driver adds the row of each task.
        progress: shows how many cells are done; each new row is passed to it.
        count_workers: a function that computes, from the row of the first finished cell, how many workers the machines
            have room for. Until that cell is finished, there is a single worker. None to start `workers` workers at
            once.
        workers: how many workers to start; not used if `count_workers` is given.
    """

    def __init__(
        self,
        pool: Pool,
        folder: ResultsFolder,
        table: Table,
        progress: Progress,
        count_workers: Callable[[Row], int] | None = None,
        workers: int = 1,
    ) -> None:
        self._pool, self._folder, self._table, self._progress = pool, folder, table, progress
        self._count_workers, self._wanted = count_workers, 1 if count_workers else workers
        self._memory = 0
        self._todo: deque[Task] = deque()
        self._queues: dict[int, deque[Task] | None] = {}
        """For each worker, the tasks that it was sent and has not finished; None while the worker is starting."""
        self._deaths: dict[str, int] = {}
        self._fruitless_deaths = 0
        self._journal = Journal(folder.journals / f"driver-{time.time_ns():x}{SUFFIX}")
        self._written_at = time.monotonic()

    def run(self, tasks: Iterable[Task]) -> None:
        """Run all tasks.

        If the run ends early, the rows of all cells finished until then are in the table or in the journals.

        Raises:
            SweepStoppedError: the sweep cannot go on, because the disk is full, the cluster is gone, or workers keep
                dying.
        """
        self._todo = deque(tasks)
        while self._todo or any(self._queues.values()):
            self._start_workers()
            self._submit()
            for event in self._pool.wait(_WAIT_SECONDS):
                self._handle(event)
            self._progress.show(sum(queue is not None for queue in self._queues.values()))
            self._write_table_now_and_then()

    def _start_workers(self) -> None:
        waiting = len(self._todo) + sum(len(queue) for queue in self._queues.values() if queue)
        while len(self._queues) < min(self._wanted, waiting):
            self._queues[self._pool.start_worker(self._memory)] = None

    def _submit(self) -> None:
        """Send workers their next cells.

        A worker gets its next cell while it still runs one, so that it does not have to wait. Near the end, however, a
        worker gets a cell only if it has none, so that few cells wait behind a running cell while another worker has
        none.
        """
        # While `_count_workers` is not None, the number of workers is open, and there is a single worker. This worker
        # gets no second cell, because one of the workers that start afterwards could run that cell sooner.
        depth = _QUEUE if len(self._todo) > len(self._queues) and not self._count_workers else 1
        for level in range(1, depth + 1):
            for worker, queue in self._queues.items():
                if queue is not None and len(queue) < level and self._todo:
                    queue.append(self._todo.popleft())
                    self._pool.submit(worker, queue[-1])

    def _handle(self, event: Event) -> None:
        match event:
            case Ready(worker):
                self._queues[worker] = deque()
            case Done(worker, row, files):
                queue = self._queues[worker]
                if queue:
                    queue.popleft()
                self._take(row, files)
            case Died(worker, reason):
                self._bury(worker, reason)
            case Stopped(reason):
                raise SweepStoppedError(reason)

    def _take(self, row: Row, files: Mapping[str, bytes]) -> None:
        """Add the row of a finished cell to the table.

        If workers have no access to the folder of results, also write the row and the pictures of the cell there. If
        the number of workers is not decided yet, this row decides it, and also how much memory a worker needs.

        Args:
            row: the row of the cell.
            files: the pictures of the cell, by their paths in the folder of results; empty if the worker has access to
                that folder, and so has written them itself.
        """
        if not self._pool.shared:
            self._write(row, files)
        self._fruitless_deaths = 0
        self._table.add(row)
        self._progress.add(row)
        if self._count_workers:
            self._memory = int(row.get("peak_bytes") or 0)
            self._wanted, self._count_workers = self._count_workers(row), None

    def _write(self, row: Row, files: Mapping[str, bytes] = {}) -> None:
        try:
            for name, content in files.items():
                path: Path = self._folder.path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._journal.append(row)
        except OSError as error:
            raise SweepStoppedError(
                f"nothing more can be written to {self._folder.path}: {error.strerror}; make room, then start again"
            ) from error

    def _bury(self, worker: int, reason: str) -> None:
        """Handle the death of a worker: queue its cells again, unless their rows are in the journals already.

        If `MAX_DEATHS` workers have died while they ran a cell, the cell gets a row with the status "failed" instead.

        Raises:
            SweepStoppedError: too many workers have died in sequence without finishing a cell.
        """
        lost: Sequence[Task] = self._queues.pop(worker) or ()
        self._fruitless_deaths += 1
        if self._fruitless_deaths > MAX_DEATHS * max(1, self._wanted):
            raise SweepStoppedError(f"workers die before they have done a cell; the last one: {reason}")
        rows = self._find_rows({task.hash for task in lost})
        for task in lost:
            if task.hash in rows:
                self._take_found(rows[task.hash])
        missing = [task for task in lost if task.hash not in rows]
        fate = "the row of its cell is kept" if lost else "it had no cell"
        # The worker was running the first missing cell; the others were waiting in its queue.
        if missing:
            fate = "its cell is done again"
            first = missing[0]
            self._deaths[first.hash] = self._deaths.get(first.hash, 0) + 1
            if self._deaths[first.hash] >= MAX_DEATHS:
                missing.pop(0)
                fate = "its cell counts as failed"
                message = f"{MAX_DEATHS} workers died while they ran this cell; the last one: {reason}"
                row: Row = {"cell": first.hash, "workflow": first.workflow, **first.columns, "status": FAILED}
                row |= {"message": message}
                self._write(row)
                self._take_found(row)
        self._todo.extendleft(reversed(missing))
        self._progress.say(f"a worker died ({reason[:120]}); {fate}")

    def _take_found(self, row: Row) -> None:
        self._table.add(row)
        self._progress.add(row)

    def _find_rows(self, cells: set[str]) -> dict[str, Row]:
        """Return, by cell hash, the rows of these cells that a worker has written to its journal before it died.

        If the workers do not share the folder with this process, their journals cannot be read; then the result is
        empty.
        """
        if not self._pool.shared or not cells:
            return {}
        return {
            row["cell"]: row for _, rows in read_journals(self._folder.journals) for row in rows if row["cell"] in cells
        }

    def _write_table_now_and_then(self) -> None:
        pause = max(_TABLE_SECONDS, self._table.write_seconds / _TABLE_SHARE)
        if time.monotonic() - self._written_at < pause:
            return
        try:
            self._table.write()
        except OSError as error:
            raise SweepStoppedError(
                f"the table cannot be written: {error.strerror}; make room, then start again"
            ) from error
        self._written_at = time.monotonic()
