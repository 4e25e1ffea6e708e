"""How many workers fit: on every machine as many as its cores and memory, or its GPUs, allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHARE = 0.9
"""The share of the memory that workers may fill: later cells can need more than the one that was measured."""


@dataclass(frozen=True)
class Machine:
    """What a machine of the cluster has.

    Args:
        name: its address.
        cores: cores of the processor.
        memory: bytes.
        gpus: GPUs.
    """

    name: str
    cores: float
    memory: int
    gpus: float


@dataclass(frozen=True)
class Demand:
    """What a worker needs.

    Args:
        threads: cores.
        memory: bytes at its peak, measured on a cell.
        per_gpu: how many workers share a GPU.
    """

    threads: int
    memory: int
    per_gpu: int = 1


def count_workers(machines: Sequence[Machine], demand: Demand) -> tuple[int, str]:
    """Return how many workers the machines have room for, at least 1, and why, in words.

    Where there is a GPU, only GPUs count: pictures of different devices differ in their last bits.

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
    """Return the share of a GPU that each worker asks for; 0 where there is none."""
    return 1 / per_gpu if any(machine.gpus for machine in machines) else 0.0
