"""A sweep of workflows: checks all cells of a grid, runs those without a result, writes contact sheet and page."""

from __future__ import annotations

import os
import pickle
import sys
from dataclasses import replace
from pathlib import PurePath

import psutil
import torch
from tqdm import tqdm

from das_core.runs.cells import Cell, Machine, RunsError, Worker, Workers, count_workers
from das_core.runs.engine import connect, list_machines, run_cells
from das_core.runs.results import Results
from repository import REPOSITORY
from runner.workflow_graph import Workflow, to_prompt
from sweeper.rehearsal import rehearse
from sweeper.runs import WorkflowRunner, check_judge
from sweeper.show import save_page, save_sheet
from sweeper.workflows import Plan, Workflows, list_cells, list_images


class Session:
    """A sweep whose cells are all known and accepted by their nodes; if `rehearsed`, quick nodes were tried."""

    def __init__(self, plan: Plan, workers: Workers, rehearsed: bool = True) -> None:
        self._workers, self._workflows = workers, Workflows(plan)
        self._choices = list_cells(plan.grid, self._workflows)
        self._cells = list(self._choices.values())
        wishes = {}
        for cell in self._cells if plan.grid.judge else ():
            wishes[check_judge(plan.grid.judge, self._build(cell))] = True
        self._plan = replace(plan, choices=tuple(wishes) if "text" in plan.grid.judge else ())
        count, total = rehearse(self._cells, self._workflows) if rehearsed else 0, len(self._cells)
        if rehearsed and count < total:
            print(f"checked {count:,} of {total:,} cells by running quick nodes", file=sys.stderr, flush=True)

    def _build(self, cell: Cell) -> Workflow:
        return self._workflows.build(*cell.task[1:])

    def describe(self) -> str:
        """Make a dry run: run one cell on this machine, discard its results, and return a text about all cells."""
        cells, workers = self._cells, self._workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        machines = [Machine(cores, psutil.virtual_memory().available, torch.cuda.device_count())]
        if workers.address is not None:
            machines = list_machines(connect(workers.address))
        row, _ = Worker(pickle.dumps(WorkflowRunner(self._plan, workers.threads)), workers.threads).run(cells[0].task)
        if row["status"] == "failed":
            raise RunsError(f"the first cell fails: {row['message']}")
        fitting, reason = count_workers(machines, workers, row["peak_bytes"])
        count, loading = min(workers.number or fitting, len(cells)), row["load_seconds"]
        each = row["seconds"] - loading
        # Each worker runs the same number of cells, rounded up.
        total = tqdm.format_interval(loading + each * -(-len(cells) // count))
        lines = []
        for cell in cells:
            columns = [
                f"{name}={value}" for name, value in cell.columns.items() if name not in ("workflow", "settings")
            ]
            lines.append(f"  {cell.hash[:8]}  {', '.join(columns) or cell.columns['workflow']}")
        if len(lines) > 24:
            lines[12:-12] = [f"  … {len(lines) - 24:,} more"]
        lines.append(f"one cell: {each:.1f} s, and {loading:.1f} s of loading once a worker, on {row['device']}")
        lines.append(f"{len(cells):,} cells on {count} worker{'s' * (count > 1)} ({reason}): about {total}")
        return "\n".join([f"{len(cells):,} cells:", *lines])

    def run(self, results: Results, retry: bool) -> tuple[int, int]:
        """Run the cells without a result, see `run_cells`, in a folder that is claimed; count cells done and failed."""
        images: dict[str, dict[str, bytes]] = {label: {} for label in self._plan.workflows}
        if self._workers.address is not None and self._plan.pack.resolve() != REPOSITORY:
            raise RunsError("--pack with --address: only this repository is sent to a cluster; leave out --pack")
        for cell in self._cells if self._workers.address is not None else ():
            for name, path in list_images(self._build(cell).values()).items():
                if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
                    raise RunsError(f"image {name}: only images below the folders of input and workflow can be sent")
                known = images[cell.task[1]]
                known[name] = known.get(name) or path.read_bytes()
        runner = WorkflowRunner(self._plan, self._workers.threads, images if self._workers.address else None)
        return run_cells(self._cells, runner, results, self._workers, sys.stderr, retry)

    def show(self, results: Results) -> list[str]:
        """Write the contact sheet and the page of the rows that `results` has read, and return what was written."""
        if not results.rows:
            raise RunsError(f"no results in {results.path}; run the sweep without --show first")
        grid = self._plan.grid
        axes = [column for name, options in grid.axes.items() for column in options[0].columns or [name]]
        sheet = save_sheet(grid.axes, self._choices, grid.sheet, results)
        return [sheet, save_page(grid.name, axes, self._cells, results, lambda cell: to_prompt(self._build(cell)))]
