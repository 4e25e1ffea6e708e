"""The progress of a node as lines of text, for logs: a progress bar that moves needs a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

_SHARE = 0.1
_SECONDS = 10.0

_PATIENCE_SECONDS = 1.0
"""The least time before the first line and from one line to the next; only the line that reports the end may follow
sooner. A node that takes less than a second writes no line."""


class ProgressLines:
    """Writes the progress of one node as lines of text.

    A line is written for every tenth of the work that is done, and when ten seconds have passed since the previous
    line. There is at most one line a second; only the line that says that all is done may follow sooner.

    Args:
        title: the text at the start of each line.
        stream: where the lines are written.
        clock: returns the time in seconds.
    """

    def __init__(self, title: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._stream, self._clock = title, stream, clock
        self._begin = self._written_at = clock()
        self._written = 0.0

    def update(self, done: float, total: float) -> None:
        """Write a line if the last line is old enough, or if all steps are done and an earlier line was written.

        The last line is old enough after one second if the next multiple of 10 % of the steps has been reached, and
        after ten seconds in any case. Before the first line, the time counts from the start of the node.

        Args:
            done: how many steps are done.
            total: how many steps there are in all; 0 if that is unknown, and then no line is written.
        """
        if total <= 0 or done <= self._written:
            return
        now = self._clock()
        waited = now - self._written_at
        # Compare whole tenths, because a tenth of the steps need not be a whole number. 1e-9 corrects rounding errors.
        tenth_is_done = int(done / total / _SHARE + 1e-9) > int(self._written / total / _SHARE + 1e-9)
        is_last = done >= total and self._written > 0
        if is_last or waited >= (_PATIENCE_SECONDS if tenth_is_done else _SECONDS):
            elapsed = now - self._begin
            times = [tqdm.format_interval(seconds) for seconds in (elapsed, elapsed * (total / done - 1))]
            line = f"{self._title}: {done:.0f} of {total:.0f}, {times[0]} passed, {times[1]} left"
            print(line, file=self._stream, flush=True)
            self._written, self._written_at = done, now
