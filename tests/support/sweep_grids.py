"""Workflows of the toy pack for sweeps, and a pool whose workers run in the process of the test."""

from collections import deque
from typing import Any

from sweeper.cell_runner import CellRunner
from sweeper.errors import SweepStoppedError
from sweeper.plan import Plan, Task
from sweeper.pool_events import Done, Event, Ready, Stopped
from sweeper.worker_count import Machine

COLOR: dict[str, Any] = {
    "1": {"class_type": "TOY_Color", "inputs": {"size": 8, "level": 0.5}, "_meta": {"title": "Colour"}},
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "color"},
        "_meta": {"title": "Save Image"},
    },
}
"""A workflow that saves one picture of one colour."""

FAILING: dict[str, Any] = COLOR | {
    "3": {"class_type": "TOY_Fail", "inputs": {"kind": "value", "after": ["1", 0]}, "_meta": {"title": "Fail"}}
}
"""A workflow that saves its picture and then fails, as `kind` says."""


class HerePool:
    """A pool whose workers are in this process; a cell runs when the driver of the sweep calls `wait`."""

    shared = True
    machines = (Machine("here", 2, 2**40, 0),)

    def __init__(self, plan: Plan) -> None:
        self.runners: dict[int, CellRunner] = {}
        self.ran: list[str] = []
        self._plan = plan
        self._events: deque[Event] = deque()
        self._tasks: deque[tuple[int, Task]] = deque()

    def __enter__(self) -> "HerePool":
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self.runners.values():
            runner._held.close()

    def start_worker(self, memory: int) -> int:
        number = len(self.runners) + 1
        self.runners[number] = CellRunner(self._plan, f"here-{id(self)}-{number}")
        self._events.append(Ready(number, f"here {number}"))
        return number

    def submit(self, worker: int, task: Task) -> None:
        self._tasks.append((worker, task))

    def wait(self, seconds: float) -> list[Event]:
        if self._tasks and not self._events:
            worker, task = self._tasks.popleft()
            self.ran.append(task.hash)
            try:
                self._events.append(Done(worker, self.runners[worker].run(task)))
            except SweepStoppedError as error:
                self._events.append(Stopped(str(error)))
        events, self._events = list(self._events), deque()
        return events
