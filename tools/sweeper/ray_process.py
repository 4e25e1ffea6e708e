"""The child process of the driver; only the child process is connected to Ray.

When the cluster goes away, Ray kills the process that is connected to the cluster, without a message. The driver
survives, because only its child process is connected. The driver notices that the pipe is closed, keeps the results,
and says how to continue.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sweeper.errors import SweepError
from sweeper.pool_events import Died, Done, Event, Ready, Stopped
from sweeper.ray_cluster import answers, connect, is_shared, list_machines, make_actor_class, make_options
from sweeper.worker_count import gpu_share

_POLL_SECONDS = 0.05
_CHECK_SECONDS = 2.0
_MAX_SILENCE = 3
"""After this many failed attempts in a row to connect to the head of the cluster, the head counts as gone."""


@dataclass
class _Workers:
    """The actors of a sweep by worker number, and the calls that are not answered yet, each with its worker number."""

    actors: dict[int, Any] = field(default_factory=dict)
    calls: dict[Any, int] = field(default_factory=dict)

    def forget(self, worker: int) -> None:
        self.actors.pop(worker, None)
        self.calls = {call: owner for call, owner in self.calls.items() if owner != worker}


def serve(connection: Connection, address: str | None, log: str, setup: dict[str, Any]) -> None:
    """Connect to Ray, then carry out the commands of the driver until it sends "end" or closes the connection.

    After connecting, send ("connected", the machines, whether the folders are shared) to the driver. If Ray cannot be
    used, send ("refused", the reason) and return.

    Args:
        connection: the pipe to the driver.
        address: the address of a Ray cluster; None to start Ray on this machine. See `ray_cluster.connect`.
        log: the file for Ray's output.
        setup: `plan`, the plan of the sweep as JSON; `images`, the input images by name, or None if `address` is None;
            `home`, the folder of the repository; `mark`, a file in the folder of results; `files`, "shared" if workers
            use the folders of this machine, "shipped" if Ray sends them the files, or "auto", which finds out whether
            the folders are shared; `threads`, the cores of each worker; `per_gpu`, the number of workers that share a
            GPU.
    """
    # The output is redirected at the file descriptors 1 and 2, because Ray's C++ code does not write to sys.stderr.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    try:
        home = Path(setup["home"])
        ray = connect(address)
        machines = list_machines(ray)
        shared = setup["files"] == "shared" or (
            setup["files"] == "auto" and (address is None or is_shared(ray, Path(setup["mark"]), home))
        )
        if not shared:
            ray.shutdown()
            ray = connect(address, home)
    except SweepError as error:
        connection.send(("refused", str(error)))
        return
    connection.send(("connected", machines, shared))
    _obey(ray, connection, setup | {"gpu_share": gpu_share(machines, setup["per_gpu"])}, shared)
    ray.shutdown()


def _obey(ray: Any, connection: Connection, setup: dict[str, Any], shared: bool) -> None:
    """Carry out the commands of the driver (start a worker, send it a task, end), and send the events to the driver.

    If the head of the cluster stays silent, the driver is sent a `Stopped` event, and this process ends at once.

    Args:
        ray: the module `ray`, connected to the cluster.
        connection: the pipe to the driver.
        setup: the `setup` of `serve`, and in addition `gpu_share`, the share of a GPU that each worker requests.
        shared: whether the workers use the folders of this machine; if False, Ray sends them the files.
    """
    actor_class, workers = make_actor_class(ray), _Workers()
    home = Path(setup["home"])
    constants = (str(home) if shared else "", setup["plan"], None if shared else setup["images"])
    arguments = [ray.put(constant) for constant in constants]
    head, silence, checked = ray.get_runtime_context().gcs_address, 0, time.monotonic()
    while True:
        while connection.poll(0 if workers.calls else _POLL_SECONDS):
            try:
                order, worker, content = connection.recv()
            except EOFError:
                return
            if order == "end":
                return
            if order == "start":
                options = make_options(setup["threads"], content, setup["gpu_share"])
                workers.actors[worker] = actor_class.options(**options).remote(*arguments)
                workers.calls[workers.actors[worker].prepare.remote()] = worker
            elif worker in workers.actors:
                workers.calls[workers.actors[worker].run.remote(content)] = worker
        for event in _take_answers(ray, workers):
            connection.send(event)
        if time.monotonic() - checked > _CHECK_SECONDS:
            host, _, port = head.rpartition(":")
            silence, checked = 0 if answers(host, int(port)) else silence + 1, time.monotonic()
            if silence >= _MAX_SILENCE:
                connection.send(Stopped(f"the head of the cluster at {head} does not answer any more"))
                # The process ends at once, because Ray's own shutdown would wait for the head.
                os._exit(1)


def _take_answers(ray: Any, workers: _Workers) -> list[Event]:
    """Return an event for each answered call of an actor; wait at most 0.05 s for the first answer.

    Answered calls are removed from `workers`. An actor that has failed is killed and removed, and its event is `Died`.
    `ray` is the module.
    """
    if not workers.calls:
        return []
    # The first `wait` returns when one call is answered; the second returns all calls that are answered by then.
    ray.wait(list(workers.calls), num_returns=1, timeout=_POLL_SECONDS)
    ready, _ = ray.wait(list(workers.calls), num_returns=len(workers.calls), timeout=0)
    events: list[Event] = []
    for call in ready:
        worker = workers.calls.pop(call, None)
        if worker is None:  # its worker has died
            continue
        try:
            kind, content, files = ray.get(call)
        except ray.exceptions.RayError as error:
            # The worker may be alive but unreachable. It is killed, because another worker gets its cell.
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(workers.actors[worker], no_restart=True)
            workers.forget(worker)
            events.append(Died(worker, _describe(error)))
            continue
        if kind == "stop":
            events.append(Stopped(content))
        else:
            events.append(Ready(worker, content) if kind == "ready" else Done(worker, content, files))
    return events


def _describe(error: Exception) -> str:
    """Return Ray's message on one line; if it contains the traceback of a worker, only the last line."""
    text = str(error).strip()
    return " ".join((text.splitlines()[-1] if "Traceback" in text else text).split())[:500]
