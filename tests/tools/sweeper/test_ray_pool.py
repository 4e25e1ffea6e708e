"""Workers on a real Ray of this machine: they run cells, die and are noticed; one Ray for all tests of this file."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repository import REPOSITORY
from sweeper.cells import Cell
from sweeper.errors import SweepError
from sweeper.plan import Plan, Task
from sweeper.pool_events import Died, Done, Event, Ready, Stopped
from sweeper.ray_pool import RayPool

SECONDS = 300.0
"""The time limit for anything; a busy machine takes long to import PyTorch."""


def wait(pool: RayPool, count: int = 1) -> list[Event]:
    """Return the next events, at least so many."""
    events: list[Event] = []
    until = time.monotonic() + SECONDS
    while len(events) < count:
        assert time.monotonic() < until, f"only {events}"
        events += pool.wait(1.0)
    return events


def make_setup(plan: Plan, files: str = "auto") -> dict[str, Any]:
    return {
        "plan": plan.to_json(), "images": {}, "home": str(REPOSITORY), "mark": str(Path(plan.results) / "sweep.json"),
        "files": files, "threads": 1, "per_gpu": 1,
    }  # fmt: skip


@pytest.fixture
def prepared(prepare: Callable[..., tuple[Plan, list[Cell]]], write_grid: Callable[..., Path]) -> Any:
    return prepare(write_grid("workflow: color.json\naxes: {1.level: [0, 0.25, 0.5, 1]}"))


def test_workers_run_cells_and_their_death_and_that_of_ray_are_noticed(prepared: Any, tmp_path: Path) -> None:
    plan, cells = prepared
    with RayPool(None, tmp_path / "ray.log", make_setup(plan)) as pool:
        assert pool.shared
        (machine,) = pool.machines
        assert machine.cores >= 1
        first = pool.start_worker(0)
        (ready,) = wait(pool)
        assert isinstance(ready, Ready)
        assert ready.worker == first
        for cell in cells[:2]:
            pool.submit(first, Task.of(cell))
        done = wait(pool, 2)
        assert [event.row["cell"] for event in done if isinstance(event, Done)] == [cell.hash for cell in cells[:2]]
        assert {event.row["worker"] for event in done if isinstance(event, Done)} == {ready.name}
        assert (Path(plan.results) / done[0].row["pictures"][0]).is_file()  # type: ignore[union-attr]

        os.kill(int(ready.name.split("-")[-2]), signal.SIGKILL)
        pool.submit(first, Task.of(cells[2]))
        (died,) = wait(pool)
        assert isinstance(died, Died)
        assert died.worker == first

        # Ray ends the process that speaks with it when it goes away itself.
        os.kill(pool._process.pid or 0, signal.SIGKILL)
        (stopped,) = wait(pool)
        assert isinstance(stopped, Stopped)
        assert "the Ray cluster has gone away" in stopped.reason
        pool.submit(first, Task.of(cells[3]))


def test_a_cluster_that_is_not_there_is_refused(prepared: Any, tmp_path: Path) -> None:
    with (
        pytest.raises(SweepError, match=r"no Ray cluster at 127\.0\.0\.1:1"),
        RayPool("127.0.0.1:1", tmp_path / "ray.log", make_setup(prepared[0])),
    ):
        pass
