"""A cell is a call of a function with one argument, such as the run of a workflow with some settings; a worker runs it.

Workers are processes of this machine or of a cluster, in which what the function has loaded stays.
"""

from __future__ import annotations

import errno
import os
import pickle
import platform
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

from ..common.text import elide

Row: TypeAlias = dict[str, Any]  # a row of the table: values by the names of columns; `status` is "ok" or "failed"
Message: TypeAlias = str | tuple[Row, dict[str, bytes]]  # a text for the user, or a row and files by their paths
# Runs one cell in a worker: gets the task of the cell and an empty folder, and returns columns of its row. All files
# that are then in the folder belong to the result; the column "pictures" lists those that are shown, by their paths in
# it. An exception makes the cell fail; a `RunsStoppedError` ends the run. The function has to be picklable.
RunOne: TypeAlias = Callable[[Any, Path], Row]

SHARE = 0.9  # of the memory may be filled: other cells can need more than the cell that was measured
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}  # nothing more can be stored
_LONGEST = 1000  # characters of a problem


class RunsError(ValueError):
    """An error that keeps a run from starting; each of its `problems`, 30 at most, says one thing that is wrong."""

    is_sentence = True

    def __init__(self, *problems: str) -> None:
        super().__init__(elide("; ".join(problems), _LONGEST))
        self.problems = [
            *(elide(problem, _LONGEST) for problem in problems[:30]),
            *[f"and {len(problems) - 30:,} more"][: len(problems) > 30],
        ]


class RunsStoppedError(RuntimeError):
    """A run cannot go on, for instance because the disk is full; the same command continues it later."""


class Cell(NamedTuple):
    """A call: a hash of all that its result depends on, the columns of its row that are known before, the argument."""

    hash: str
    columns: Mapping[str, Any]
    task: Any


class Workers(NamedTuple):
    """Where cells run, and how many at once."""

    address: str | None = None  # HOST:PORT of the head of a Ray cluster, or "auto"; without it, Ray starts here
    number: int = 0  # 0 for as many as the memory, the cores and the GPUs of the machines allow
    threads: int = 1  # the cores of a worker
    per_gpu: int = 1  # how many workers share a GPU
    here: bool = False  # in this process, one cell after the other, without Ray


class Machine(NamedTuple):
    """The cores, the bytes of memory and the GPUs of a machine."""

    cores: float
    memory: float
    gpus: float = 0


def count_workers(machines: Sequence[Machine], workers: Workers, memory: float) -> tuple[int, str]:
    """Return how many workers of so many bytes fit onto machines, at least one, and how this was computed."""
    # If any machine has a GPU, all workers use GPUs: the last bits of a picture depend on the device.
    on_gpus, fitting = any(machine.gpus for machine in machines), 0
    for machine in machines:
        places = min(int(machine.memory * SHARE / memory), int(machine.cores // workers.threads))
        fitting += min(places, int(machine.gpus * workers.per_gpu)) if on_gpus else places
    cores, total, gpus = map(sum, zip(*machines, strict=True))
    reason = f"{cores:.0f} cores / {workers.threads} and {total / 2**30:.1f} GiB / {memory / 2**30:.1f} GiB"
    return max(1, fitting), f"{gpus:.0f} GPUs x {workers.per_gpu}, {reason}" if on_gpus else reason


class Worker:
    """Runs cells one after the other, each by a call of the function `run_one`, which may be pickled."""

    def __init__(self, run_one: bytes | RunOne, threads: int = 0) -> None:
        self._pickled = run_one if isinstance(run_one, bytes) else b""
        self._run_one: Any = None if isinstance(run_one, bytes) else run_one
        self._name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() // 1_000_000:x}"
        if threads:
            os.environ["OMP_NUM_THREADS"] = str(threads)

    def run(self, task: Any) -> tuple[Row, dict[str, bytes]]:
        """Run a cell, and return columns of its row, and its files; a RunsStoppedError concerns all cells."""
        begin, files = time.perf_counter(), {}
        row: Row = {"status": "ok", "message": None, "pictures": []}
        try:
            self._run_one = self._run_one or pickle.loads(self._pickled)  # noqa: S301  (the driver has pickled it)
        except Exception as error:
            raise RunsStoppedError(f"a worker cannot start: {describe_error(error)}") from error
        try:
            with TemporaryDirectory(prefix="cell_") as name:
                row |= self._run_one(task, Path(name))
                paths = [path for path in Path(name).rglob("*") if path.is_file()]
                files = {path.relative_to(name).as_posix(): path.read_bytes() for path in paths}
        except RunsStoppedError:
            raise
        except Exception as error:
            cause = error.__cause__ or error
            if isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
                raise RunsStoppedError(f"nothing more can be written: {cause.strerror}; make room") from error
            row |= {"status": "failed", "message": describe_error(error)}
        row |= {"seconds": time.perf_counter() - begin, "peak_bytes": _measure_peak(), "worker": self._name}
        row |= {"finished": datetime.now(UTC).isoformat(timespec="milliseconds"), "python": platform.python_version()}
        return row, files


def _measure_peak() -> int:
    """Return the most bytes of memory that this process has had; 0 on Windows, which does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    # macOS counts in bytes, Linux in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def describe_error(error: BaseException) -> str:
    """Return an error on one line; unless its message was written for the user, with its type and its place."""
    text = " ".join([str(error), *getattr(error, "__notes__", [])])
    if not getattr(error, "is_sentence", False):
        places = [f" ({Path(at.filename).name}:{at.lineno})" for at in traceback.extract_tb(error.__traceback__)]
        text = f"{type(error).__name__}: {text}{''.join(places[-1:])}"
    return " ".join(text.split())
