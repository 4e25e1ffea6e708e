"""The pool of workers of a sweep: the driver starts them, gives them cells, and reads their events."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sweeper.errors import SweepError
from sweeper.plan import Task
from sweeper.pool_events import Event, Stopped
from sweeper.ray_process import serve
from sweeper.worker_count import Machine

_CONNECT_SECONDS = 180.0
_END_SECONDS = 20.0


class RayPool:
    """The workers of a sweep on Ray; a context manager that ends all of them when it closes.

    Ray runs in a child process, `ray_process.serve`, and this class talks to it through a pipe.

    Args:
        address: HOST:PORT or "auto" of a cluster; None starts one on this machine.
        log: the file into which Ray's output is written.
        setup: the settings that `ray_process.serve` needs.

    Raises:
        SweepError: Ray finds no cluster at this address, or does not start.
    """

    def __init__(self, address: str | None, log: Path, setup: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, address, str(log), setup), daemon=False)
        # Ctrl-C reaches all processes of a terminal. The new process and those that Ray starts inherit the mask and
        # never hear it: they end when the driver says so.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()
        self._log, self._setup, self._number = log, setup, 0
        self.machines: Sequence[Machine] = ()
        """The machines of the cluster."""
        self.shared = True
        """Whether workers see the folder of the results."""

    def __enter__(self) -> RayPool:
        try:
            answered = self._connection.poll(_CONNECT_SECONDS)
            answer: tuple[Any, ...] = self._connection.recv() if answered else ("refused", "Ray does not answer")
        except EOFError:
            answer = ("refused", f"Ray ended at once; see {self._log}")
        except BaseException:
            self._end()
            raise
        if answer[0] == "refused":
            self._end()
            raise SweepError(str(answer[1]))
        _, self.machines, self.shared = answer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start_worker(self, memory: int) -> int:
        """Start a worker that needs this many bytes, 0 if that is not known, and return its number."""
        self._number += 1
        self._send(("start", self._number, memory))
        return self._number

    def submit(self, worker: int, task: Task) -> None:
        """Give a worker a cell to run. A worker runs its cells in the order in which it got them."""
        self._send(("run", worker, task.to_json()))

    def wait(self, seconds: float) -> list[Event]:
        """Return what has happened; wait at most this long if nothing has."""
        events: list[Event] = []
        try:
            while self._connection.poll(0 if events else seconds):
                events.append(self._connection.recv())
        except (EOFError, OSError):
            events.append(Stopped(f"the Ray cluster has gone away (what it said is in {self._log})"))
        return events

    def _send(self, order: tuple[str, int, Any]) -> None:
        # A cluster that has gone away is reported by the next `wait`.
        try:
            self._connection.send(order)
        except OSError:
            time.sleep(0.1)

    def _end(self) -> None:
        """End the process and with it the workers, which lose the cells they are running."""
        self._send(("end", 0, None))
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()
