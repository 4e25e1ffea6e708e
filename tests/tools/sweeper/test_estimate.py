"""The words of a dry run."""

import pytest
import torch

from sweeper.axes import Option
from sweeper.cells import Cell
from sweeper.estimate import describe_cells, describe_this_machine, estimate
from sweeper.worker_count import Machine

ROW = {"seconds": 5.0, "load_seconds": 2.0, "peak_bytes": 2**30, "device": "cpu"}


def test_many_cells_are_listed_from_both_ends() -> None:
    cells = [Cell(f"{number:032}", "w", (Option("", {}, {"1.seed": number}),)) for number in range(1000)]
    lines = describe_cells(cells)
    assert (len(lines), lines[12]) == (25, "  … 976 more")
    assert lines[0].endswith("1.seed=0")
    assert lines[-1].endswith("1.seed=999")
    assert len(describe_cells(cells[:20])) == 20


def test_the_time_is_that_of_the_rounds_and_one_loading() -> None:
    words = estimate(ROW, 100, [Machine("a", 8, 2**40, 0)], 1, 1)
    assert "one cell: 3.0 s, and 2.0 s of loading once a worker, on cpu with 1 thread" in words
    assert "100 cells on 8 workers (8 cores / 1" in words
    assert "about 00:41" in words  # 13 rounds of 3 s, and 2 s
    assert "3 cells on 3 workers" in estimate(ROW, 3, [Machine("a", 8, 2**40, 0)], 1, 1)
    assert "100 cells on 2 workers" in estimate(ROW, 100, [Machine("a", 8, 2**40, 0)], 1, 1, workers=2)


def test_this_machine_has_cores_memory_and_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    machine = describe_this_machine()
    assert machine.gpus == 2
    assert machine.cores >= 1
    assert machine.memory > 2**20
