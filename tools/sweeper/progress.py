"""Progress of a sweep: cells done, failed and left, workers, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from sweeper.journal import Row
from sweeper.table import FAILED

_LINE_SECONDS = 10.0
"""The least time between two lines in a log, except before the last line. A terminal shows one line, which is
overwritten at most twice a second."""


class Progress:
    """Counts the cells of a sweep that are done or failed, and shows how far the sweep is.

    Args:
        total: how many cells the sweep has to do now.
        stream: where the progress is shown.
        clock: returns the time in seconds.
    """

    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._stream, self._clock = total, stream, clock
        self._terminal = stream.isatty()
        self._begin = clock()
        self._shown_at = float("-inf")
        self._seconds = 0.0
        self._width = 0
        self.done = self.failed = 0

    @property
    def left(self) -> int:
        """How many of the `total` cells are neither done nor failed yet."""
        return self._total - self.done - self.failed

    def add(self, row: Row) -> None:
        """Count a cell as done or as failed; `row` is its row in the table of results."""
        if row["status"] == FAILED:
            self.failed += 1
        else:
            self.done += 1
        # A worker loads models once, so the time of loading says nothing about the cells that are left.
        self._seconds += float(row.get("seconds") or 0.0) - float(row.get("load_seconds") or 0.0)

    def describe(self, workers: int) -> str:
        """Return the progress as one line: cells done, failed and left, the number of workers, and the time passed.

        If a cell has been counted, a worker is ready and cells are left, the line ends with an estimate of the time
        that is left.

        Args:
            workers: how many workers are ready.
        """
        counted = self.done + self.failed
        ending = "" if workers == 1 else "s"
        line = f"{self.done} done, {self.failed} failed, {self.left} left, {workers} worker{ending}"
        line += f", {tqdm.format_interval(self._clock() - self._begin)} passed"
        if counted and workers and self.left:
            # Assume that each cell takes the mean time of the counted cells, and that running cells are half done.
            left = max(self.left - workers / 2, self.left / 2) * self._seconds / counted / workers
            line += f", {tqdm.format_interval(left)} left"
        return line

    def show(self, workers: int) -> None:
        """Show the progress; while cells are left, at most twice a second in a terminal, every 10 seconds in a log.

        Args:
            workers: how many workers are ready.
        """
        now = self._clock()
        if now - self._shown_at < (0.5 if self._terminal else _LINE_SECONDS) and self.left:
            return
        self._shown_at = now
        line = self.describe(workers)
        if self._terminal:
            print(f"\r{line:<{self._width}}", end="" if self.left else "\n", file=self._stream, flush=True)
            self._width = len(line)
        else:
            print(line, file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Write a message on a separate line."""
        if self._terminal and self._width:
            print(f"\r{'':<{self._width}}\r", end="", file=self._stream)
        print(text, file=self._stream, flush=True)
