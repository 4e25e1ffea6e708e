"""The allowed outcomes of a run under attack: done, refused with a message of this project, or cancelled."""

import math
import random
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from repository import REPOSITORY

_OURS = tuple(str(REPOSITORY / part) for part in ("das_core", "nodes", "tools"))
_LONGEST_MESSAGE = 1000


class RefusedError(ValueError):
    pass


class Outcomes:
    """Counts the outcomes of attacks, and collects those that are not allowed."""

    def __init__(self, seconds: float = 20.0) -> None:
        self.counts: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.problems: list[str] = []
        self._seconds = seconds

    def attempt(self, run: Callable[[], Any], what: Callable[[], str]) -> Any:
        """Run something, and return its outputs; None if it was refused, was cancelled, or had a problem."""
        import comfy.model_management as mm

        try:
            with _cancel_after(self._seconds):
                outputs = run()
        except mm.InterruptProcessingException:
            mm.interrupt_current_processing(False)
            self.counts["interrupted"] += 1
            return None
        except Exception as error:  # noqa: BLE001 - every error is classified
            if problem := find_problem(error):
                self._note(f"{what()}\n{problem}\n{''.join(traceback.format_exception(error))}")
                return None
            self.counts["refused"] += 1
            self.messages[str(error)[:150]] += 1
            return None
        for number, value in enumerate(outputs):
            if problem := check_value(value):
                self._note(f"{what()}\noutput {number} {problem}")
                return None
        self.counts["done"] += 1
        return outputs

    def _note(self, problem: str) -> None:
        self.problems.append(problem)
        self.counts["broken"] += 1

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))


@contextmanager
def _cancel_after(seconds: float) -> Iterator[None]:
    import comfy.model_management as mm

    def cancel(number: int, frame: FrameType | None) -> None:
        raise mm.InterruptProcessingException

    before = signal.signal(signal.SIGALRM, cancel)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def find_problem(error: BaseException) -> str:
    """Return why an error is no acceptable answer to a user; '' if the error is a message of this project."""
    frames = traceback.extract_tb(error.__traceback__)
    where = frames[-1].filename if frames else ""
    if not isinstance(error, ValueError | torch.OutOfMemoryError):
        return f"{type(error).__name__} is no message"
    if not isinstance(error, RefusedError) and not where.startswith(_OURS):
        return f"the message comes from {where}"
    if len(str(error)) > _LONGEST_MESSAGE:
        return f"the message has {len(str(error))} characters"
    return ""


def check_value(value: Any) -> str:
    """Return what is wrong with an output of a node; '' if nothing is wrong."""
    if isinstance(value, Tensor):
        if not bool(torch.isfinite(value).all()):
            return "holds NaN or infinite values"
        if value.ndim in (3, 4) and value.numel() and not 0 <= float(value.min()) <= float(value.max()) <= 1:
            return f"holds values from {float(value.min())} to {float(value.max())}, not 0..1"
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}"
    if hasattr(value, "canvas"):
        return "holds a stack that is not finite" if not bool(torch.isfinite(value.canvas).all()) else ""
    return ""


def pick(generator: random.Random, choices: Any) -> Any:
    return choices[generator.randrange(len(choices))]


def spoil_bytes(generator: random.Random, content: bytes) -> bytes:
    """Return the content of a file, cut off or with one to six bytes changed."""
    if generator.random() < 0.2:
        return content[: generator.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(generator.randint(1, 6)):
        reach = pick(generator, [64, 2000, len(content)])
        place = generator.randrange(min(reach, len(content)))
        changed[place if generator.random() < 0.7 else -place - 1] = generator.randrange(256)
    return bytes(changed)
