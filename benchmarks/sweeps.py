"""What a sweep saves against a shell loop, and what its parts cost when there are 100,000 cells and 64 workers.

The cells are as small as they can be, so that what is not the ascent shows: 64 x 64 pixels, two views, three steps.
"""

import io
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tools"))

from sweeper.axes import count_choices, read_axis
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
SECONDS_ON_A_GPU = (1.0, 20.0)
"""How long a picture may take on a GPU; nobody has measured it here."""

SETTINGS = {
    "DAS_ImageStack.width": 64,
    "DAS_ImageStack.height": 64,
    "DAS_ImageStack.margin": 8,
    "DAS_Augmentation.views": 2,
    "DAS_Augmentation.jitter": 8,
    "DAS_Optimize.steps": 3,
    "DAS_LoadClassifier.source": "starter",
}
WORKFLOW = ROOT / "example_workflows" / "api" / "class_to_image.json"


def report() -> str:
    """Return the section of RESULTS.md."""
    with tempfile.TemporaryDirectory(prefix="sweeps_") as name:
        folder = Path(name)
        return f"{_compare_ways(folder)}\n\n{_measure_parts(folder)}"


def _write_grid(folder: Path, name: str, seeds: int) -> Path:
    prompt = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    # Without the second classifier, so that the title Load Classifier is not needed and loading is that of one model.
    left = {node_id: node for node_id, node in prompt.items() if node_id in "123456"}
    (folder / "workflow.json").write_text(json.dumps(left))
    grid = {"workflow": "workflow.json", "set": SETTINGS, "axes": {"DAS_Optimize.seed": {"from": 0, "to": seeds - 1}}}
    (folder / f"{name}.yaml").write_text(json.dumps(grid))  # JSON is YAML
    return folder / f"{name}.yaml"


def _compare_ways(folder: Path) -> str:
    """Return a table of the ways to make the same pictures."""
    tools, pictures = ROOT / "tools", 0

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
        pictures += len(cells)
        rows.append(f"| {title} | {taken:.0f} s | {first / taken:.2f} | {inside} | {loading} |")
    assert pictures == 2 * CELLS
    table = "\n".join(rows)
    return f"""{CELLS} pictures of 64 x 64, two views, three steps, one thread for each process, in one run. All of a sweep counts: reading
the grid, rehearsal, starting Ray, contact sheet and page. Inside: the seconds of all cells together.

| way | takes | times as fast | inside | of that loading |
|---|---|---|---|---|
{table}"""


def _run(*command: object) -> None:
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


class _AtOnce:
    """A pool whose workers answer at once, with a row like that of a real cell."""

    shared = True

    def __init__(self, row: Row) -> None:
        self._row, self._events = row, deque[Event]()
        self._workers = 0

    def start_worker(self, memory: int) -> int:
        self._workers += 1
        self._events.append(Ready(self._workers, ""))
        return self._workers

    def submit(self, worker: int, task: Task) -> None:
        # As it would come from another process.
        told = Task.from_json(task.to_json())
        self._events.append(Done(worker, json.loads(json.dumps(self._row | told.columns | {"cell": told.hash}))))

    def wait(self, seconds: float) -> list[Event]:
        events, self._events = list(self._events), deque()
        return events


def _measure_parts(folder: Path) -> str:
    """Return what each part costs with many cells, and where that leads."""
    row = Table(folder / "1" / "table.parquet").rows()[0]
    picture = (folder / "1" / row["pictures"][0]).stat().st_size
    grid = read_grid(_write_grid(folder, "many", MANY))
    listing, tasks = _time(lambda: [Task.of(cell) for cell in list_cells(grid, _load(grid, folder))])
    results = ResultsFolder(folder / "many")
    results.claim("many")
    table = Table(results.table)
    driving, _ = _time(
        lambda: Driver(_AtOnce(row), results, table, Progress(MANY, io.StringIO()), workers=GPUS).run(tasks)
    )
    writing, _ = _time(table.write)
    size = results.table.stat().st_size
    journal = Journal(results.journals / "w.jsonl")
    appending, _ = _time(lambda: [journal.append(row) for _ in range(200)])
    sent, back = len(tasks[-1].to_json()), len(json.dumps(row))
    rate = MANY / driving
    fast, slow = (GPUS / seconds for seconds in SECONDS_ON_A_GPU)
    return f"""{MANY:,} cells of {count_choices([read_axis("1.seed", {"from": 0, "to": MANY - 1})]):,} choices, {GPUS} workers that answer at once, in one process:

| part | measured | for {GPUS} GPUs and {MANY:,} cells |
|---|---|---|
| checking and hashing all cells | {listing:.0f} s | once, before the first cell |
| sent for each cell | {sent} bytes, and {back:,} back | {fast * (sent + back) / 1e3:.0f} kB/s at 1 s a cell |
| driver: cells given, rows taken, table kept | {rate:,.0f} cells/s | {slow:.1f} to {fast:.0f} are needed at 20 to 1 s a cell |
| writing the table | {writing:.1f} s, {size / 1e6:.1f} MB | at most 5 % of the driver's time, however large it grows |
| a row in a journal, with fsync | {appending / 200 * 1e3:.1f} ms | by the workers, side by side |
| a picture | {picture / 1e3:.0f} kB here | {fast * 150 / 1e3:.0f} MB/s at 1 s a cell and 150 kB (224 x 224), by the workers |"""


def _load(grid: Grid, folder: Path) -> GridWorkflows:
    prompts, folders = read_prompts(grid)
    return GridWorkflows(prompts, folders, grid.only, grid.settings, ROOT, folder, folder / "models")


def _time(task: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = task()
    return time.perf_counter() - begin, result


if __name__ == "__main__":
    print(report())
