"""The report about a GPU, made on the CPU: every column is there, and what does not work is said."""

import torch

from benchmarks import gpu


def test_a_report_has_a_row_for_each_way_and_says_which_does_not_work() -> None:
    ways = (gpu.EXACT, gpu.Way("bf16, channels last", torch.bfloat16, channels_last=True), gpu.Way("no way", mode="no"))
    text = gpu.report(torch.device("cpu"), ways, quick=True)
    exact, half, failed = (
        line.split(" | ") for line in text.splitlines() if line.startswith(tuple(f"| {way.name}" for way in ways))
    )
    assert len(exact) == len(half) == 8
    assert float(exact[5]) == 1.0
    assert 0.5 < float(half[5]) < 1.0
    assert "does not work" in failed[1]
    assert "no" in failed[1]
