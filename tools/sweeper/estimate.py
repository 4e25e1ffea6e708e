"""The estimate of a dry run: how long a sweep will take, computed from one cell that was run."""

from __future__ import annotations

import os
from collections.abc import Sequence

import psutil
import torch
from tqdm import tqdm

from sweeper.cells import Cell
from sweeper.journal import Row
from sweeper.worker_count import Demand, Machine, count_workers

SHOWN = 12
"""A dry run lists this many of the first cells and this many of the last cells."""


def describe_cells(cells: Sequence[Cell]) -> list[str]:
    """Return a line for each cell; if there are many cells, only for the first and the last ones."""
    lines = [f"  {cell.hash[:8]}  {cell.title}" for cell in cells]
    if len(lines) > 2 * SHOWN:
        lines[SHOWN:-SHOWN] = [f"  … {len(lines) - 2 * SHOWN:,} more"]
    return lines


def estimate(row: Row, cells: int, machines: Sequence[Machine], threads: int, per_gpu: int, workers: int = 0) -> str:
    """Return a text that says how long the cells will take.

    Args:
        row: the row of results of the one cell that was run; it has the seconds and the peak memory of this cell.
        cells: the number of cells.
        machines: where workers run.
        threads: cores for each worker.
        per_gpu: how many workers share a GPU.
        workers: the number of workers; 0 for as many as fit.
    """
    fitting, reason = count_workers(machines, Demand(threads, int(row["peak_bytes"]), per_gpu))
    count = min(workers or fitting, cells) or 1
    loading = float(row["load_seconds"] or 0.0)
    each = float(row["seconds"]) - loading
    # Each worker runs the same number of cells, rounded up.
    total = loading + each * -(-cells // count)
    return (
        f"one cell: {each:.1f} s, and {loading:.1f} s of loading once a worker, on {row['device']} with {threads} "
        f"thread{'s' if threads > 1 else ''}\n"
        f"{cells:,} cells on {count} worker{'s' if count > 1 else ''} ({reason}): about "
        f"{tqdm.format_interval(total)}, if workers do not slow each other down"
    )


def describe_this_machine() -> Machine:
    """Return the cores, the free memory and the GPUs of this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine("here", cores, psutil.virtual_memory().available, torch.cuda.device_count())
