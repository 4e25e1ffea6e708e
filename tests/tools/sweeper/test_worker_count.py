"""How many workers there is room for."""

from cases import each_case
from sweeper.worker_count import Demand, Machine, count_workers, gpu_share

GIB = 2**30


@each_case(
    ("machines", "demand", "count"),
    [
        ([Machine("a", 8, 64 * GIB, 0)], Demand(1, GIB), 8),
        ([Machine("a", 8, 64 * GIB, 0)], Demand(3, GIB), 2),
        ([Machine("a", 8, 4 * GIB, 0)], Demand(1, GIB), 3),
        ([Machine("a", 8, 64 * GIB, 0), Machine("b", 2, GIB, 0)], Demand(1, GIB), 8),
        ([Machine("a", 64, 640 * GIB, 8), Machine("b", 64, 640 * GIB, 0)], Demand(1, GIB), 8),
        ([Machine("a", 64, 640 * GIB, 8)], Demand(1, GIB, per_gpu=2), 16),
        ([Machine("a", 4, 640 * GIB, 8)], Demand(1, GIB), 4),
        ([Machine("a", 1, GIB // 2, 0)], Demand(1, GIB), 1),
        ([Machine("a", 4, GIB, 0)], Demand(1, 0), 4),
    ],
)
def test_cores_memory_and_gpus_limit_it(machines: list[Machine], demand: Demand, count: int) -> None:
    assert count_workers(machines, demand)[0] == count


def test_the_reason_names_what_was_measured() -> None:
    assert count_workers([Machine("a", 8, 4 * GIB, 0)], Demand(2, GIB))[1] == "8 cores / 2 and 4.0 GiB / 1.0 GiB"
    assert count_workers([Machine("a", 8, 4 * GIB, 2)], Demand(2, GIB))[1].startswith("2 GPUs x 1, 8 cores / 2")


def test_workers_share_a_gpu_only_where_there_is_one() -> None:
    assert gpu_share([Machine("a", 8, GIB, 0)], 2) == 0
    assert gpu_share([Machine("a", 8, GIB, 0), Machine("b", 8, GIB, 1)], 2) == 0.5
