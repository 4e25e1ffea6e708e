"""Runs a list of cells, here or on Ray, and stores the result of each as soon as it is there."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shlex
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from tqdm import tqdm

from ..common.own_thread import call_apart
from .cells import (
    SHARE,
    Cell,
    Machine,
    Message,
    RunOne,
    RunsError,
    RunsStoppedError,
    Worker,
    Workers,
    count_workers,
    describe_error,
)

if TYPE_CHECKING:
    from .results import Results  # it imports PyTorch, which a process that only sends cells does not wait for

_HOME = Path(__file__).resolve().parents[2]  # the repository, unless the library is installed
# What is not sent to a cluster, besides what .gitignore has, as patterns of .gitignore.
EXCLUDED = [".git", "/tests", "/docs", "/benchmarks"]
_DEATHS = 3  # a cell has failed if so many workers have died while they ran it


def run_cells(
    cells: Sequence[Cell], run_one: RunOne, results: Results, workers: Workers, stream: TextIO, retry: bool = False
) -> tuple[int, int]:
    """Run the cells without a result in a claimed folder, and count how many of all are done and have failed."""
    for name, least in (("number", 0), ("threads", 1), ("per_gpu", 1)):
        if getattr(workers, name) < least:
            raise RunsError(f"workers: {name} is {getattr(workers, name)}; give {least} or more")
    kept = {name for name, row in results.rows.items() if not (retry and row["status"] == "failed")}
    todo = [cell for cell in cells if cell.hash not in kept]
    print(f"{len(cells):,} cells, {len(cells) - len(todo):,} done before, {len(todo):,} to do", file=stream, flush=True)
    messages: Iterator[Message] = iter(())
    if todo and workers.here:
        messages = list_results_here(todo, run_one)
    elif todo:
        messages = list_results(todo, pickle_for_workers(run_one), workers, results.path / "ray.log")
    pause, failed = 0.5 if stream.isatty() else 10.0, 0
    try:
        with tqdm(total=len(todo), unit="cell", file=stream, mininterval=pause, maxinterval=pause) as bar:
            for message in messages:
                if isinstance(message, str):
                    bar.write(message, file=stream)
                    continue
                results.save(*message)
                failed += message[0]["status"] == "failed"
                bar.set_postfix(failed=failed, refresh=False)
                bar.update()
    finally:
        results.write_table()
    states = [results.rows[cell.hash]["status"] for cell in cells]
    return states.count("ok"), states.count("failed")


def pickle_for_workers(run_one: RunOne) -> bytes:
    """Return a function for workers, with what they cannot import: classes of a script, a notebook or a function."""
    try:
        if b"__main__" not in (pickled := pickle.dumps(run_one)):
            return pickled
    except (pickle.PicklingError, AttributeError, TypeError):
        pass  # Ray's way takes longer.
    _import_ray()
    from ray import cloudpickle

    try:
        return bytes(cloudpickle.dumps(run_one))
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
        advice = "leave workers out, or take what cannot be sent, such as a lock or an open file, off the model"
        raise RunsError(f"what workers run cannot be sent to them ({describe_error(error)}); {advice}") from error


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise RunsError(f"workers and clusters need Ray ({error}); pip install ray, or leave them out") from error
    return ray


def list_results_here(cells: Sequence[Cell], run_one: bytes | RunOne, *_: Any) -> Iterator[Message]:
    """Do what `list_results` does, in this process."""
    worker = Worker(run_one)
    for cell in cells:
        row, files = worker.run(cell.task)
        yield {"cell": cell.hash, **cell.columns, **row}, files


def list_results(cells: Sequence[Cell], run_one: bytes, workers: Workers, log: Path) -> Iterator[Message]:
    """Run cells with a pickled function on Ray, whose output goes into the file `log`, and yield what is finished."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, cells, run_one, workers, str(log)))

    def start() -> None:
        # Ctrl-C reaches all processes of a terminal; the child, which has the mask of this thread, ends when told to.
        if hasattr(signal, "pthread_sigmask"):  # Windows cannot hold signals back.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # The child needs nothing of a script that runs, and would run it again unless all of it waits for `__main__`.
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            process.start()
        finally:
            sys.modules["__main__"] = main

    call_apart(start)
    theirs.close()
    try:
        while (message := ours.recv()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
    except EOFError:
        raise RunsStoppedError(f"the Ray cluster has gone away (what it said is in {log})") from None
    finally:
        ours.close()
        process.join(20)
        process.kill()
        process.join()


def _serve(pipe: Connection, cells: Sequence[Cell], run_one: bytes, workers: Workers, log: str) -> None:
    """Send the messages of `list_results` to the pipe, then None; or the error that ends the run."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):  # not sys.stderr, to which the C++ code of Ray does not write
        os.dup2(descriptor, number)
    try:
        for message in _drive(connect(workers.address), cells, run_one, workers):
            if pipe.poll():  # the other end is closed, because nothing is ever sent from there
                return
            if message is not None:
                pipe.send(message)
        pipe.send(None)
    except (RunsError, RunsStoppedError) as error:
        pipe.send(error)


def connect(address: str | None) -> Any:
    """Start Ray on this machine, or connect to a cluster and send it this repository; return the module `ray`."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a worker without GPUs does not see any
    os.environ.setdefault("RAY_worker_niceness", "0")  # with Ray's 15, workers starve on a busy machine
    ray = _import_ray()

    if address is None:
        environment: dict[str, Any] = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
        # Ray puts the path of Python, as it is, into a line for a shell.
        environment |= {"py_executable": quoted} if (quoted := shlex.quote(sys.executable)) != sys.executable else {}
        # Results pass through the object store one by one; by default it takes 30 % of the memory.
        options: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
    else:
        # Python reads PYTHONPATH in the folder into which Ray has unpacked the repository.
        environment = {"working_dir": str(_HOME), "excludes": EXCLUDED, "env_vars": {"PYTHONPATH": "tools"}}
        if not (_HOME / "pyproject.toml").exists():  # the library is installed, here and on the cluster
            environment = {}
        options = {}
        host, _, port = address.rpartition(":")
        try:
            if address != "auto":  # Ray itself would try for a minute
                socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, ValueError, OverflowError) as error:
            advice = "write HOST:PORT of its head, or auto; 'ray start --head' starts one"
            raise RunsError(f"no Ray cluster answers at --address {address} ({error}); {advice}") from error
    try:
        # "local" starts a new cluster. Without it, Ray would look for one in RAY_ADDRESS and on this machine.
        options |= {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        ray.init(address or "local", runtime_env=environment, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        hint = "its folder for temporary files may be full; RAY_TMPDIR names another"
        if address:
            hint = "run this on a machine of the cluster; if it has a token, with RAY_AUTH_MODE=token as there"
        raise RunsError(f"Ray does not start ({' '.join(str(error).split())[:300]}); {hint}") from error
    return ray


def list_machines(ray: Any) -> list[Machine]:
    """Return the machines of the cluster that are alive."""
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Machine(has.get("CPU", 0.0), has.get("memory", 0.0), has.get("GPU", 0.0)) for has in found]


def _drive(ray: Any, cells: Sequence[Cell], run_one: bytes, workers: Workers) -> Iterator[Message | None]:
    """Yield the messages of `list_results`, and None now and then."""
    machines = list_machines(ray)
    most = Machine(*map(max, zip(*machines, strict=True)))
    if most.cores < workers.threads:
        raise RunsError(f"--threads {workers.threads}: no machine has so many cores; at most {most.cores:.0f}")
    needs = {"num_cpus": workers.threads, "num_gpus": 1 / workers.per_gpu if most.gpus else 0}
    actors = ray.remote(max_restarts=-1, max_task_retries=_DEATHS - 1, **needs)(Worker)
    waiting = deque(cells)
    # Cells whose workers died; whether that was their fault shows when another cell gets done.
    lost: list[Message] = []
    # The call that each worker is answering, and its cell. A worker without a further call ends, because nothing refers
    # to it any more: its place is free for one that Ray has to restart.
    calls: dict[Any, tuple[Any, Cell | None]] = {}

    def start(count: int, **more: float) -> None:
        for _ in range(min(count, len(waiting))):
            actor = actors.options(**more).remote(run_one, workers.threads)
            calls[actor.__ray_ready__.remote()] = actor, None

    start(workers.number or 1)
    measured = workers.number > 0
    while waiting or any(cell for _, cell in calls.values()):
        yield None
        for call in ray.wait(list(calls), timeout=0.5)[0]:
            actor, cell = calls.pop(call)
            try:
                row, files = ray.get(call) if cell else (ray.get(call), {})
            except ray.exceptions.RayTaskError as error:  # it was raised in the worker
                raise RunsStoppedError(str(error.cause)) from None
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())[:500]
                if cell is None or len(lost) > _DEATHS + len(calls):
                    raise RunsStoppedError(f"workers die, and no cell gets done; the last one: {reason}") from None
                message = f"{_DEATHS} workers died while they ran this cell; the last one: {reason}"
                failed = {"status": "failed", "message": message, "pictures": []}
                lost.append(({"cell": cell.hash, **cell.columns, **failed}, {}))
                row = {}
            if waiting:
                following = waiting.popleft()
                calls[actor.run.remote(following.task)] = actor, following
            if cell and row:
                yield from lost
                lost.clear()
                yield {"cell": cell.hash, **cell.columns, **row}, files
            if cell and not measured:
                measured, memory = True, max(1, row.get("peak_bytes", 0))
                count, reason = count_workers(machines, workers, memory)
                yield f"room for {count} worker{'' if count == 1 else 's'}: {reason}"
                start(count - 1, memory=min(memory, int(most.memory * SHARE)))
    if lost:  # the cells are at fault only if the cluster still answers
        ray.get(ray.remote(num_cpus=0)(lambda: None).remote(), timeout=60)
    yield from lost
