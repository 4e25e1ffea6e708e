"""The driver, with workers that are told what happens to them: who does what, who is replaced, what is kept."""

import io
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeper.driver import MAX_DEATHS, Driver
from sweeper.errors import SweepStoppedError
from sweeper.journal import Journal, Row, read_journals
from sweeper.plan import Task
from sweeper.pool_events import Died, Done, Event, Ready, Stopped
from sweeper.progress import Progress
from sweeper.results_folder import ResultsFolder
from sweeper.table import Table


class Script:
    """A pool that does what a function says with each cell that a worker runs."""

    def __init__(self, act: Callable[["Script", int, Task], list[Event]], shared: bool = True) -> None:
        self.act, self.shared = act, shared
        self.started: list[int] = []
        self.given: list[tuple[int, str]] = []
        self.queues: dict[int, deque[Task]] = {}
        self.ran: list[int] = []
        self.largest = 0
        self.events: list[Event] = []

    def start_worker(self, memory: int) -> int:
        self.started.append(memory)
        self.queues[len(self.started)] = deque()
        self.events.append(Ready(len(self.started), ""))
        return len(self.started)

    def submit(self, worker: int, task: Task) -> None:
        self.given.append((worker, task.hash))
        self.queues[worker].append(task)
        self.largest = max(self.largest, len(self.queues[worker]))

    def wait(self, seconds: float) -> list[Event]:
        events, self.events = self.events, []
        # By turns, as workers of equal speed would.
        for worker in sorted(self.queues, key=lambda worker: self.ran.count(worker)):
            if not events and self.queues[worker]:
                self.ran.append(worker)
                events += self.act(self, worker, self.queues[worker].popleft())
                if any(isinstance(event, Died) for event in events):
                    del self.queues[worker]
        return events


def make_row(task: Task, **columns: Any) -> Row:
    return {"cell": task.hash, "status": "ok", "seconds": 1.0, "peak_bytes": 1000, **columns}


def done(pool: Script, worker: int, task: Task) -> list[Event]:
    return [Done(worker, make_row(task, worker=str(worker)))]


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    folder = ResultsFolder(tmp_path / "results")
    folder.claim("mine")
    return folder


TASKS = [Task(f"{number:032}", "w", {}, {"1.seed": number}) for number in range(12)]


def drive(pool: Script, folder: ResultsFolder, tasks: list[Task] = TASKS, **settings: Any) -> tuple[Table, str]:
    table, stream = Table(folder.table), io.StringIO()
    Driver(pool, folder, table, Progress(len(tasks), stream), **settings).run(tasks)
    return table, stream.getvalue()


def test_every_cell_is_done_once_by_no_more_workers_than_cells(folder: ResultsFolder) -> None:
    pool = Script(done)
    table, _ = drive(pool, folder, workers=3)
    assert sorted(cell for _, cell in pool.given) == [task.hash for task in TASKS]
    assert len(pool.started) == 3
    assert set(table.states) == {task.hash for task in TASKS}
    assert pool.largest == 2, "the next cell waits at the worker"
    pool = Script(done)
    drive(pool, folder, TASKS[:2], workers=8)
    assert len(pool.started) == 2


def test_one_worker_measures_before_the_others_start(folder: ResultsFolder) -> None:
    pool = Script(done)
    rows: list[Row] = []

    def count(row: Row) -> int:
        rows.append(row)
        return 4

    drive(pool, folder, count_workers=count)
    assert pool.started == [0, 1000, 1000, 1000]
    assert [cell for _, cell in pool.given[:1]] == [rows[0]["cell"]]
    assert len(rows) == 1


def test_a_worker_that_dies_is_replaced_and_its_cells_are_done_again(folder: ResultsFolder) -> None:
    killed: list[str] = []

    def die_once(pool: Script, worker: int, task: Task) -> list[Event]:
        if not killed and task.hash == TASKS[3].hash:
            killed.append(task.hash)
            return [Died(worker, "killed")]
        return done(pool, worker, task)

    pool = Script(die_once)
    table, shown = drive(pool, folder, workers=2)
    assert set(table.states.values()) == {"ok"}
    assert len(table.states) == 12
    assert len(pool.started) == 3
    assert "a worker died (killed); its cell is done again" in shown
    assert [cell for _, cell in pool.given].count(TASKS[3].hash) == 2


def test_what_a_worker_wrote_before_it_died_is_not_done_again(folder: ResultsFolder) -> None:
    def write_and_die(pool: Script, worker: int, task: Task) -> list[Event]:
        if task.hash == TASKS[0].hash:
            Journal(folder.journals / "w.jsonl").append(make_row(task, worker="the dead"))
            return [Died(worker, "killed")]
        return done(pool, worker, task)

    pool = Script(write_and_die)
    table, _ = drive(pool, folder, workers=1)
    assert [cell for _, cell in pool.given].count(TASKS[0].hash) == 1
    assert {row["cell"]: row["worker"] for row in table.rows()}[TASKS[0].hash] == "the dead"
    assert len(table.states) == 12


def test_a_cell_that_kills_its_workers_fails_and_the_others_go_on(folder: ResultsFolder) -> None:
    def poisoned(pool: Script, worker: int, task: Task) -> list[Event]:
        return [Died(worker, "out of memory")] if task.hash == TASKS[5].hash else done(pool, worker, task)

    pool = Script(poisoned)
    table, _ = drive(pool, folder, workers=2)
    (failed,) = [row for row in table.rows() if row["status"] == "failed"]
    assert failed["cell"] == TASKS[5].hash
    assert failed["1.seed"] == 5
    assert failed["message"] == f"{MAX_DEATHS} workers died while they ran this cell; the last one: out of memory"
    assert [row["cell"] for _, rows in read_journals(folder.journals) for row in rows] == [TASKS[5].hash]
    assert len(table.states) == 12


def test_what_becomes_of_the_cell_of_a_worker_that_dies_is_said(folder: ResultsFolder) -> None:
    def write_and_die(pool: Script, worker: int, task: Task) -> list[Event]:
        Journal(folder.journals / "w.jsonl").append(make_row(task))
        return [Died(worker, "killed")]

    _, shown = drive(Script(write_and_die), folder, TASKS[:1])
    assert "a worker died (killed); the row of its cell is kept\n" in shown

    def die(pool: Script, worker: int, task: Task) -> list[Event]:
        return [Died(worker, "killed")]

    _, shown = drive(Script(die), folder, TASKS[1:2])
    assert shown.count("a worker died (killed); its cell is done again\n") == MAX_DEATHS - 1
    assert shown.count("a worker died (killed); its cell counts as failed\n") == 1

    class Unready(Script):
        def start_worker(self, memory: int) -> int:
            worker = super().start_worker(memory)
            if worker == 1:
                self.events[-1] = Died(worker, "killed")
            return worker

    _, shown = drive(Unready(done), folder, TASKS[2:3])
    assert "a worker died (killed); it had no cell\n" in shown


def test_a_stop_and_workers_that_die_at_once_end_the_sweep_with_the_reason(folder: ResultsFolder) -> None:
    pool = Script(lambda pool, worker, task: [Stopped("the disk is full")])
    with pytest.raises(SweepStoppedError, match="the disk is full"):
        drive(pool, folder)
    pool = Script(lambda pool, worker, task: [Died(worker, "no torch here")])
    with pytest.raises(SweepStoppedError, match=r"workers die before they have done a cell.*no torch here"):
        drive(pool, folder, workers=2)


def test_the_driver_writes_for_workers_that_cannot_and_a_disk_that_fills_up_there_stops_it(
    folder: ResultsFolder,
) -> None:
    def ship(pool: Script, worker: int, task: Task) -> list[Event]:
        name = f"pictures/ab/{task.hash}/a.png"
        return [Done(worker, make_row(task, pictures=[name]), {name: task.hash.encode()})]

    drive(Script(ship, shared=False), folder, TASKS[:2], workers=1)
    assert (folder.path / "pictures" / "ab" / TASKS[1].hash / "a.png").read_bytes() == TASKS[1].hash.encode()
    assert [len(rows) for _, rows in read_journals(folder.journals)] == [2]

    def ship_onto_a_file(pool: Script, worker: int, task: Task) -> list[Event]:
        return [Done(worker, make_row(task), {"sweep.json/a.png": b""})]

    with pytest.raises(SweepStoppedError, match="nothing more can be written"):
        drive(Script(ship_onto_a_file, shared=False), folder)


def test_the_table_is_written_on_the_way(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeper.driver._TABLE_SECONDS", 0.0)
    monkeypatch.setattr("sweeper.driver._TABLE_SHARE", 1e9)
    sizes: list[int] = []

    def look(pool: Script, worker: int, task: Task) -> list[Event]:
        sizes.append(len(Table(folder.table).states) if folder.table.is_file() else 0)
        return done(pool, worker, task)

    drive(Script(look), folder, workers=1)
    assert sizes[-1] == 11
