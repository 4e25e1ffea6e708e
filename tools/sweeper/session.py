"""One run of a sweep: checks the grid, claims the folder of results, computes missing cells, writes sheet and page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from sweeper.cell_runner import CellRunner, name_worker
from sweeper.cells import Cell
from sweeper.driver import Driver
from sweeper.errors import SweepError, SweepStoppedError
from sweeper.estimate import describe_cells, describe_this_machine, estimate
from sweeper.grid_cells import GridWorkflows, list_cells, read_prompts
from sweeper.grid_file import Grid, JudgeSpec
from sweeper.grid_sheet import lay_out, save_sheet
from sweeper.input_images import collect_images
from sweeper.journal import Row
from sweeper.judging import check_uninvolved, find_rated, read_wish
from sweeper.page import save_page
from sweeper.plan import Plan, Task
from sweeper.progress import Progress
from sweeper.ray_pool import RayPool
from sweeper.rehearsal import rehearse
from sweeper.results_folder import MARK, ResultsFolder
from sweeper.table import FAILED, Table
from sweeper.versions import describe_pack
from sweeper.worker_count import Demand, count_workers


@dataclass(frozen=True)
class Settings:
    """The settings of a sweep that come from the command line.

    Args:
        results: the folder of the results.
        pack: the folder of the node pack.
        home: the folder of this repository.
        input_folder: the folder in which LoadImage looks first.
        models: the folder used as ComfyUI's models folder.
        address: HOST:PORT of the head of a Ray cluster, or "auto"; None to start Ray on this machine.
        workers: the number of workers; 0 for as many as fit.
        threads: cores for each worker.
        per_gpu: how many workers share a GPU.
        files: "shared" if workers have access to the folders of this machine, "shipped" if not, "auto" to find out.
        retry: whether cells that have failed are run again.
    """

    results: Path
    pack: Path
    home: Path
    input_folder: Path = Path("input")
    models: Path = Path("models")
    address: str | None = None
    workers: int = 0
    threads: int = 1
    per_gpu: int = 1
    files: str = "auto"
    retry: bool = False


class Session:
    """A sweep that has been checked: all its cells are known, and every node accepts its settings.

    Args:
        grid: the grid.
        settings: the settings from the command line.
        stream: where progress is shown.

    Raises:
        SweepError: the grid, the folder of the pack, a workflow or a cell is wrong. Several checks run one after the
            other; the error lists all problems that the first failing check has found.
    """

    def __init__(self, grid: Grid, settings: Settings, stream: TextIO) -> None:
        self._grid, self._settings, self._stream = grid, settings, stream
        self._folder = ResultsFolder(settings.results.resolve())
        prompts, folders = read_prompts(grid)
        judge = (grid.judge.kind, grid.judge.wish, grid.judge.image) if grid.judge else ()
        self._plan = Plan(
            grid.name, prompts, folders, grid.settings, grid.only, judge, (), settings.threads,
            str(self._folder.path), str(settings.input_folder.absolute()), str(settings.models.absolute()),
            str(settings.pack.absolute()), describe_pack(settings.pack),
        )  # fmt: skip
        self._workflows = GridWorkflows(
            prompts, folders, grid.only, grid.settings, settings.pack, settings.input_folder, settings.models
        )
        self.cells = list_cells(grid, self._workflows)
        """All cells, in the order of the grid."""
        if grid.judge:
            self._check_judge(grid.judge)
        rehearsed = rehearse(self.cells, self._workflows)
        if rehearsed < len(self.cells):
            self._say(f"checked {rehearsed:,} of {len(self.cells):,} cells by running the nodes that prepare")

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _check_judge(self, judge: JudgeSpec) -> None:
        wishes: list[str] = []
        for cell in self.cells:
            built = self._workflows.build(cell.workflow, cell.settings)
            check_uninvolved(built)
            wishes.append(read_wish(built, judge.wish))
            if judge.image:
                find_rated(built, judge.image)
        if judge.kind == "text":
            self._plan = replace(self._plan, choices=list(dict.fromkeys(wishes)))

    def rehearse(self) -> str:
        """Make a dry run: run one cell on this machine, discard its results, and return a text about all cells.

        The text lists cells and has an estimate of the time that all cells take.

        Raises:
            SweepError: the cell fails, or there is no cluster at the address in the settings.
            SweepStoppedError: nothing can be written.
        """
        if self._settings.address is not None:
            # No cell is sent to the cluster: the pool only asks which machines it has.
            with tempfile.TemporaryDirectory() as name, self._open_pool(Path(name), "shared") as pool:
                machines = list(pool.machines)
        else:
            machines = [describe_this_machine()]
        with tempfile.TemporaryDirectory(prefix="sweep_") as name:
            ResultsFolder(Path(name)).claim(self._grid.name)
            row = CellRunner(replace(self._plan, results=name), name_worker()).run(Task.of(self.cells[0]))
        if row["status"] == FAILED:
            raise SweepError(f"the first cell fails: {row['message']}")
        given = self._settings
        words = estimate(row, len(self.cells), machines, given.threads, given.per_gpu, given.workers)
        return "\n".join([f"{len(self.cells):,} cells:", *describe_cells(self.cells), words])

    def run(self) -> tuple[int, int]:
        """Compute the missing cells, and return how many cells of the grid are done and how many have failed.

        Raises:
            SweepError: the folder of results cannot be used, Ray does not start, there is no cluster at the address in
                the settings, or another pack than this repository might have to be sent to the cluster (only this
                repository can be sent).
            SweepStoppedError: the sweep cannot go on; the same command continues it later.
        """
        with self._open_table() as table:
            states = table.states
            todo = [
                cell
                for cell in self.cells
                if states.get(cell.hash, "") in (("", FAILED) if self._settings.retry else ("",))
            ]
            self._warn_of_other_version(table)
            known = len(self.cells) - len(todo)
            self._say(f"{len(self.cells):,} cells, {known:,} have a row in {self._folder.table}, {len(todo):,} to do")
            if todo:
                self._compute(todo, table)
            states = table.states
        failed = sum(states.get(cell.hash) == FAILED for cell in self.cells)
        return sum(cell.hash in states for cell in self.cells) - failed, failed

    def _warn_of_other_version(self, table: Table) -> None:
        versions = table.list_values("pack") - {self._plan.version}
        if versions:
            self._say(f"rows of {', '.join(sorted(map(str, versions)))} stay; new ones are of {self._plan.version}")

    @contextmanager
    def _open_table(self) -> Iterator[Table]:
        """Yield the table with all rows so far; when the `with` block ends, even by an error, write the new rows."""
        self._folder.claim(self._grid.name)
        with self._folder.lock(self._say):
            table = Table(self._folder.table)
            try:
                self._settle(table)
                yield table
            finally:
                self._settle(table)

    def _settle(self, table: Table) -> None:
        """Write all rows into the table; then remove the journals, unless a worker may still add rows to them."""
        journals = self._folder.collect(table)
        try:
            table.write()
        except OSError as error:
            raise SweepStoppedError(
                f"the table cannot be written: {error.strerror}; its rows are in {self._folder.journals}: make room, "
                "or move away what stands there, then start again"
            ) from error
        # A worker that has not ended yet can still finish its cell. The next run takes that row from the journal.
        if not self._folder.has_workers():
            for journal in journals:
                journal.unlink()
            self._folder.remove_remains()

    def _compute(self, todo: list[Cell], table: Table) -> None:
        given = self._settings
        progress = Progress(len(todo), self._stream)
        with self._open_pool(self._folder.path, given.files) as pool:
            self._say_where(pool)

            def count(row: Row) -> int:
                fitting, reason = count_workers(
                    pool.machines, Demand(given.threads, int(row["peak_bytes"]), given.per_gpu)
                )
                progress.say(f"room for {fitting} worker{'' if fitting == 1 else 's'}: {reason}")
                return fitting

            driver = Driver(pool, self._folder, table, progress, None if given.workers else count, given.workers)
            driver.run(Task.of(cell) for cell in todo)

    def _say_where(self, pool: RayPool) -> None:
        count = len(pool.machines)
        where = (
            f"{count} machine{'s' if count > 1 else ''} at {self._settings.address}"
            if self._settings.address
            else "this machine"
        )
        if pool.shared:
            self._say(f"workers on {where} read the pack and write pictures at the same paths as here")
        else:
            self._say(f"workers on {where} get the pack and images through Ray, and send pictures back")

    def _open_pool(self, home: Path, files: str) -> RayPool:
        """Return a pool of workers, which begins to connect to Ray; entering its `with` block waits for the connection.

        Args:
            home: the folder for Ray's log. In a sweep it is the folder of results. Other machines look for the file
                `MARK` in it, to find out whether they have access to the folder of results.
            files: "shared" if workers have access to the folders of this machine, "shipped" if not, "auto" to find out.

        Raises:
            SweepError: when the settings name another pack than this repository, and files may have to be sent to the
                workers of a cluster: only this repository can be sent.
        """
        given = self._settings
        if files != "shared" and given.address is not None and given.pack.resolve() != given.home.resolve():
            raise SweepError("--pack with --address needs --files shared: only this repository is sent to workers")
        setup = {
            "plan": self._plan.to_json(),
            "images": None if given.address is None else collect_images(self.cells, self._workflows),
            "home": str(given.home.absolute()),
            "mark": str(home / MARK),
            "files": files,
            "threads": given.threads,
            "per_gpu": given.per_gpu,
        }
        return RayPool(given.address, home / "ray.log", setup)

    def show(self, say: Callable[[str], None]) -> None:
        """Write the contact sheet and the page with the results so far.

        Args:
            say: a function that is called with a line for each of the two files: the path and, if the file does not
                show all cells, how much it shows.

        Raises:
            SweepError: there are no results yet, or the table cannot be read.
        """
        if not self._folder.table.is_file():
            raise SweepError(f"no results in {self._folder.path}; run the sweep without --show first")
        rows = {row["cell"]: row for row in Table(self._folder.table).rows()}
        grid, home = self._grid, self._folder.path
        layout = lay_out(grid.axes, self.cells, grid.sheet_columns, grid.sheet_rows)
        sheet, page = home / "sheet.png", home / "index.html"
        down, across = save_sheet(layout, rows, home, sheet)
        whole = (down, across) == (len(layout.cells), len(layout.cells[0]))
        say(f"{sheet}" if whole else f"{sheet} (the first {down:,} rows and {across:,} columns)")
        count = save_page(grid.name, self._plan.prompts, self.cells, rows, page)
        more = (
            "" if count == len([cell for cell in self.cells if cell.hash in rows]) else f" (the first {count:,} cells)"
        )
        say(f"{page}{more}")
