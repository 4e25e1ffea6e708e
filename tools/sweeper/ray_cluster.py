"""Ray for a sweep: starts Ray on this machine, without its dashboard, or connects to a cluster. Telemetry is off."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeper import remote_worker
from sweeper.errors import SweepError
from sweeper.worker_count import Machine

_OBJECT_STORE_BYTES = 100 * 2**20
"""The size of Ray's object store, through which rows and pictures pass one by one; Ray's default is 30 % of memory."""

_CONNECT_SECONDS = 5.0

EXCLUDED = (
    "/.git", "/.venv", "/build", "/output", "/input", "/models", "/tests", "/docs", "/web", "/locales", "/subgraphs",
    "/benchmarks/*.jpg", "/example_workflows", "*.parquet", "__pycache__",
)  # fmt: skip
"""The parts of the repository that workers do not need, as patterns of .gitignore. Because of the leading slash,
`/models` does not exclude `das_core/models`."""


def connect(address: str | None, shipped: Path | None = None) -> Any:
    """Start Ray on this machine, or connect to a cluster, and return the module `ray`.

    Args:
        address: HOST:PORT of the head of a cluster; "auto" for the cluster that this machine belongs to; None to start
            Ray on this machine.
        shipped: the folder of the repository, if Ray's runtime environment has to copy it to the workers; else None.

    Raises:
        SweepError: Ray is not installed or does not start, the address is wrong (see `check_address`), or the cluster
            does not let this machine connect.
    """
    # Set before the import, because Ray reads its environment variables once.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # With 0, Ray leaves CUDA_VISIBLE_DEVICES as it is in workers that request no GPU.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # By default Ray gives workers a niceness of 15. With this niceness, workers hardly get any CPU time on a machine
    # that is busy with other programs. To run a sweep with low priority, start it with `nice`.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError as error:
        raise SweepError("a package is missing: pip install ray pyarrow pyyaml, or make sweep") from error
    if address is not None:
        check_address(address)
    # The folder is passed to `ray.init`, because Ray does not copy a local folder for a single actor.
    packed: dict[str, Any] = {"working_dir": str(shipped), "excludes": list(EXCLUDED)} if shipped else {}
    if address is None and (python := shlex.quote(sys.executable)) != sys.executable:
        # Ray starts workers by a shell and does not quote the path of Python, so a path with a space would fail.
        packed["py_executable"] = python
    local = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES} if address is None else {}
    try:
        # "local" starts a new cluster. Without it, Ray would use the address in RAY_ADDRESS, or a cluster that happens
        # to run here.
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            runtime_env=packed or None,
            **local,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())[:300]
        hint = (
            f"no Ray cluster at {address}, or this machine is not part of it (ray start --address={address} joins it)"
        )
        if isinstance(error, ray.exceptions.AuthenticationError) or "oken" in str(error.__cause__):
            hint = f"the cluster at {address} asks for its token; set RAY_AUTH_MODE=token as on its machines"
        here = "Ray does not start here; its folder for temporary files may be full (RAY_TMPDIR names another)"
        raise SweepError(f"{hint if address else here}: {reason}") from error
    return ray


def check_address(address: str) -> None:
    """Check that a server listens at HOST:PORT, because Ray itself would try to connect for a minute.

    Nothing is checked if the address is "auto".

    Raises:
        SweepError: the address is not HOST:PORT or "auto", or nothing answers there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise SweepError(
            f"--address {address}: write HOST:PORT of the head of the cluster, such as 10.0.0.1:6379, or auto"
        )
    if not answers(host, int(port)):
        raise SweepError(f"no Ray cluster at {address}: nothing answers there; 'ray start --head' starts one")


def answers(host: str, port: int) -> bool:
    """Tell whether something accepts connections at this host and port."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def list_machines(ray: Any) -> list[Machine]:
    """Return the machines of the cluster with their cores, memory and GPUs."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    return [
        Machine(
            f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}",
            node["Resources"].get("CPU", 0.0),
            int(node["Resources"].get("memory", 0)),
            node["Resources"].get("GPU", 0.0),
        )
        for node in alive
    ]


def is_shared(ray: Any, mark: Path, home: Path) -> bool:
    """Return whether every machine has the folder of results and this repository at the same paths as here.

    Args:
        ray: the module `ray`, connected to the cluster.
        mark: a file in the folder of results; every machine compares its content with the content here.
        home: the folder of this repository.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Send the code of the module too, because a machine may not have this repository.
    ray.cloudpickle.register_pickle_by_value(remote_worker)
    see = ray.remote(num_cpus=0)(remote_worker.can_see)
    content = mark.read_text()
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    asked = [
        see.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            str(mark.absolute()), content, str(home)
        )
        for node in nodes
    ]
    return all(ray.get(asked, timeout=120))


def make_actor_class(ray: Any) -> Any:
    """Return the actor class of workers; Ray sends its code to the machines."""
    ray.cloudpickle.register_pickle_by_value(remote_worker)
    # Ray does not restart a dead worker: the driver starts a new one, because the driver knows which cells the dead
    # worker had.
    return ray.remote(max_restarts=0, max_task_retries=0)(remote_worker.RemoteWorker)


def make_options(threads: int, memory: int, gpu_share: float) -> Mapping[str, Any]:
    """Return the options of a worker for Ray: the resources that it requests, and its environment variables.

    Args:
        threads: cores.
        memory: bytes; 0 if the need is not known yet.
        gpu_share: the share of a GPU; 0 for no GPU.
    """
    needs: dict[str, Any] = {"memory": memory} if memory else {}
    environment = {"env_vars": {"OMP_NUM_THREADS": str(threads)}}
    return needs | {"num_cpus": threads, "num_gpus": gpu_share, "runtime_env": environment}
