"""How many workers fit on the machines of a cluster: computed from their cores, memory and GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHARE = 0.9
"""The share of the memory that workers may fill, because other cells can need more than the cell that was measured."""


@dataclass(frozen=True)
class Machine:
    """The resources of a machine of the cluster.

    Args:
        name: its address.
        cores: the number of CPU cores.
        memory: bytes of memory.
        gpus: the number of GPUs.
    """

    name: str
    cores: float
    memory: int
    gpus: float


@dataclass(frozen=True)
class Demand:
    """The resources that a worker needs.

    Args:
        threads: the number of cores.
        memory: the peak of its memory in bytes, measured on one cell; 0 if it is unknown.
        per_gpu: how many workers share a GPU.
    """

    threads: int
    memory: int
    per_gpu: int = 1


def count_workers(machines: Sequence[Machine], demand: Demand) -> tuple[int, str]:
    """Return how many workers the machines have room for, at least 1, and the calculation as text.

    Each machine gets as many workers as fit into its cores and into 90 % of its memory, or into its cores alone if the
    memory of a worker is unknown. (The other 10 % are left for cells that need more memory than the one that was
    measured.) If any machine has a GPU, each machine gets at most `demand.per_gpu` workers for each of its GPUs. So all
    workers of such a cluster use GPUs. If some workers used CPUs, pictures would depend in their last bits on the
    worker.

    Args:
        machines: the machines of the cluster.
        demand: the cores and the memory that a worker needs, and how many workers share a GPU.

    Example:
        >>> count_workers([Machine("here", 8, 4 * 2**30, 0)], Demand(1, 2**30))
        (3, '8 cores / 1 and 4.0 GiB / 1.0 GiB')
    """
    on_gpus = any(machine.gpus for machine in machines)
    fitting = 0
    for machine in machines:
        by_memory = int(machine.memory * _SHARE / demand.memory) if demand.memory else int(machine.cores)
        by_cores = int(machine.cores // demand.threads)
        by_gpus = int(machine.gpus * demand.per_gpu) if on_gpus else by_cores
        fitting += max(0, min(by_memory, by_cores, by_gpus))
    cores, gpus = (sum(getattr(machine, name) for machine in machines) for name in ("cores", "gpus"))
    memory = sum(machine.memory for machine in machines)
    reason = f"{cores:.0f} cores / {demand.threads} and {memory / 2**30:.1f} GiB / {demand.memory / 2**30:.1f} GiB"
    if on_gpus:
        reason = f"{gpus:.0f} GPUs x {demand.per_gpu}, {reason}"
    return max(1, fitting), reason


def gpu_share(machines: Sequence[Machine], per_gpu: int) -> float:
    """Return the share of a GPU that a worker requests if `per_gpu` workers share one; 0 if no machine has a GPU."""
    return 1 / per_gpu if any(machine.gpus for machine in machines) else 0.0
