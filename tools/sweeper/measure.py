"""Measures how much faster a sweep is than a shell loop, and the cost of its parts with 100,000 cells and 64 workers.

This command prints the tables of docs/sweeps.md:

    PYTHONPATH=.:tools python -m sweeper.measure

The cells are as small as possible, so that most of the measured time is not spent on the ascent.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repository import REPOSITORY
from sweeper.driver import Driver
from sweeper.grid_cells import GridWorkflows, list_cells, read_prompts
from sweeper.grid_file import Grid, read_grid
from sweeper.journal import Journal, Row
from sweeper.plan import Task
from sweeper.pool_events import Done, Event, Ready
from sweeper.progress import Progress
from sweeper.results_folder import ResultsFolder
from sweeper.table import Table

CELLS, MANY, GPUS = 8, 100_000, 64
"""The number of cells in the comparison with a shell loop; the numbers of cells and of workers in `measure_parts`."""

SECONDS_ON_A_GPU = (20.0, 1.0)
"""The seconds that a slow and a fast cell take on a GPU. These are assumptions, not measurements."""

SETTINGS = {
    "DAS_ImageStack.width": 64,
    "DAS_ImageStack.height": 64,
    "DAS_ImageStack.details.margin": 8,
    "DAS_Augmentation.views": 2,
    "DAS_Optimize.recipe.steps": 3,
    "DAS_LoadClassifier.source": "starter",
}
WORKFLOW = REPOSITORY / "example_workflows" / "sweeps" / "small.json"


def main() -> None:
    """Measure and print both tables of docs/sweeps.md: a sweep beside a shell loop, and the parts of a sweep."""
    with tempfile.TemporaryDirectory(prefix="sweeps_") as name:
        folder = Path(name)
        print(compare_ways(folder), flush=True)
        rows = Table(folder / "1" / "table.parquet").rows()
        print(f"\n{measure_parts(folder, rows[0], MANY)}")


def _write_grid(folder: Path, name: str, seeds: int) -> Path:
    shutil.copy(WORKFLOW, folder / "workflow.json")
    grid = {"workflow": "workflow.json", "set": SETTINGS, "axes": {"DAS_Optimize.seed": {"from": 0, "to": seeds - 1}}}
    (folder / f"{name}.yaml").write_text(json.dumps(grid))  # JSON is YAML
    return folder / f"{name}.yaml"


def compare_ways(folder: Path) -> str:
    """Make the same pictures by a shell loop and by sweeps, and return a table of the times.

    Args:
        folder: an empty folder for the pictures.
    """
    tools = REPOSITORY / "tools"

    def loop() -> None:
        for seed in range(CELLS):
            settings = [f"{path}={value}" for path, value in (SETTINGS | {"DAS_Optimize.seed": seed}).items()]
            arguments = [part for setting in settings for part in ("--set", setting)]
            _run(tools / "run_workflow.py", folder / "workflow.json", "--output", folder / "loop", *arguments)

    def sweep(workers: int) -> None:
        grid = _write_grid(folder, f"on_{workers}", CELLS)
        _run(tools / "sweep.py", grid, "--results", folder / str(workers), "--workers", workers)

    _write_grid(folder, "loop", CELLS)
    rows = []
    ways: list[tuple[str, Callable[[], None], int]] = [
        (f"a shell loop of {CELLS} run_workflow", loop, 0),
        ("a sweep, one worker", lambda: sweep(1), 1),
        ("a sweep, two workers", lambda: sweep(2), 2),
    ]
    first = 0.0
    for title, way, workers in ways:
        begin = time.perf_counter()
        way()
        taken = time.perf_counter() - begin
        first = first or taken
        cells = Table(folder / str(workers) / "table.parquet").rows() if workers else []
        computed = sum(row["seconds"] for row in cells)
        loading = f"{sum(row['load_seconds'] for row in cells) / computed:.0%}" if cells else ""
        inside = f"{computed:.0f} s" if cells else ""
        rows.append(f"| {title} | {taken:.0f} s | {first / taken:.2f} | {inside} | {loading} |")
    table = "\n".join(rows)
    return f"""{CELLS} pictures of 64 x 64, two views, three steps, one thread for each process, in one run. All of a
sweep counts: reading the grid, rehearsal, starting Ray, contact sheet and page. Inside: the seconds of all cells.

| way | takes | times as fast | inside | of that loading |
|---|---|---|---|---|
{table}"""


def _run(*command: object) -> None:
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


class _AtOnce:
    """A pool whose workers answer at once, with a copy of the row of a real cell."""

    shared = True

    def __init__(self, row: Row) -> None:
        self._row, self._events = row, deque[Event]()
        self._workers = 0

    def start_worker(self, memory: int) -> int:
        self._workers += 1
        self._events.append(Ready(self._workers, ""))
        return self._workers

    def submit(self, worker: int, task: Task) -> None:
        # Convert to JSON and back, as happens when the task and the row are sent between processes.
        told = Task.from_json(task.to_json())
        self._events.append(Done(worker, json.loads(json.dumps(self._row | dict(told.columns) | {"cell": told.hash}))))

    def wait(self, seconds: float) -> list[Event]:
        events, self._events = list(self._events), deque()
        return events


def measure_parts(folder: Path, row: Row, many: int) -> str:
    """Return a table of the parts of a sweep: the measured cost or rate of each, and the rate that 64 busy GPUs need.

    The parts are all that a sweep does besides the ascent: it checks and sends cells, collects rows, and writes the
    table, journals and pictures. They are measured with workers that return a result at once.

    Args:
        folder: a folder for the measured sweep; its subfolder "1" has the results of a sweep of real cells.
        row: the row of one of these real cells, which serves as the result of every cell.
        many: how many cells the measured sweep has.
    """
    picture = (folder / "1" / row["pictures"][0]).stat().st_size
    grid = read_grid(_write_grid(folder, "many", many), many)
    listing, tasks = _time(lambda: [Task.of(cell) for cell in list_cells(grid, _load(grid, folder))])
    results = ResultsFolder(folder / "many")
    results.claim("many")
    table = Table(results.table)
    driver = Driver(_AtOnce(row), results, table, Progress(many, io.StringIO()), workers=GPUS)
    driving, _ = _time(lambda: driver.run(tasks))
    writing, _ = _time(table.write)
    size = results.table.stat().st_size / 1e6
    journal = Journal(results.journals / "w.jsonl")
    begin = time.perf_counter()
    for _ in range(20):
        journal.append(row)
    appending = (time.perf_counter() - begin) / 20
    sent, back = len(tasks[-1].to_json()), len(json.dumps(row))
    slow, fast = (GPUS / seconds for seconds in SECONDS_ON_A_GPU)
    lines = [
        ("checking and hashing all cells", f"{listing:.0f} s", "once, before the first cell"),
        ("sent for each cell", f"{sent} bytes, {back:,} back", f"{fast * (sent + back) / 1e3:.0f} kB/s"),
        ("driver: cells given, rows taken", f"{many / driving:,.0f} cells/s", f"{slow:.1f} to {fast:.0f} cells/s"),
        ("writing the table", f"{writing:.1f} s, {size:.1f} MB", "at most 5 % of the driver's time"),
        ("a row in a journal, with fsync", f"{appending * 1e3:.1f} ms", "by the workers, side by side"),
        ("a picture", f"{picture / 1e3:.0f} kB", f"{fast * 0.15:.0f} MB/s at 150 kB, by the workers"),
    ]
    table_lines = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"""{many:,} cells of as many seeds, {GPUS} workers that answer at once; seconds of a core. Needed: by {GPUS}
GPUs, at 20 s and at 1 s a cell.

| part | measured | needed |
|---|---|---|
{table_lines}"""


def _load(grid: Grid, folder: Path) -> GridWorkflows:
    prompts, folders = read_prompts(grid)
    return GridWorkflows(prompts, folders, grid.only, grid.settings, REPOSITORY, folder, folder / "models")


def _time(task: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU time of a task in seconds (other programs hardly change it) and the result of the task."""
    begin = time.process_time()
    result = task()
    return time.process_time() - begin, result


if __name__ == "__main__":
    main()
