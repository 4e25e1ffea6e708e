"""The pool of workers of a sweep: through it the driver starts workers, sends them cells, and reads their events."""

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
    """The workers of a sweep on Ray; a context manager that ends all workers when the `with` block ends.

    Only a child process (`ray_process.serve`) is connected to Ray, because Ray kills the connected process when the
    cluster goes away. This class talks to the child process through a pipe.

    Args:
        address: HOST:PORT of the head of a cluster, or "auto"; None starts Ray on this machine.
        log: the file into which Ray's output is written.
        setup: the settings of the workers by name, such as the plan of the sweep and the cores of each worker;
            `ray_process.serve` lists them all.

    Raises:
        SweepError: there is no cluster at this address, or Ray does not start; raised when the `with` block is entered.
    """

    def __init__(self, address: str | None, log: Path, setup: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, address, str(log), setup), daemon=False)
        # Ctrl-C sends SIGINT to all processes of a terminal. The child process and the processes that Ray starts
        # inherit the signal mask, so SIGINT does not reach them: they end when the driver tells them to.
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
        """Whether workers have access to the folder of results and the repository at the same paths as here."""

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
        """Start a worker that needs `memory` bytes (0 if the need is unknown), and return the number of the worker."""
        self._number += 1
        self._send(("start", self._number, memory))
        return self._number

    def submit(self, worker: int, task: Task) -> None:
        """Send a worker a cell to run; a worker runs its cells in the order in which they were sent.

        Args:
            worker: the number of the worker, as `start_worker` returned it.
            task: the cell, in the form in which it is sent.
        """
        self._send(("run", worker, task.to_json()))

    def wait(self, seconds: float) -> list[Event]:
        """Return the events since the last call; if there are none, wait at most `seconds` for the first event.

        If the child process that is connected to Ray has ended, the last event is a `Stopped`.
        """
        events: list[Event] = []
        try:
            while self._connection.poll(0 if events else seconds):
                events.append(self._connection.recv())
        except (EOFError, OSError):
            events.append(Stopped(f"the Ray cluster has gone away (what it said is in {self._log})"))
        return events

    def _send(self, order: tuple[str, int, Any]) -> None:
        # An error means that the child process has ended. It is not raised here, because the next `wait` reports it.
        try:
            self._connection.send(order)
        except OSError:
            time.sleep(0.1)

    def _end(self) -> None:
        """End the child process and with it the workers; the cells that they are running are lost."""
        self._send(("end", 0, None))
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()
