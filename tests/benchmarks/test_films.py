import pytest
import torch

from benchmarks.films import measure_changes


def test_changes_are_those_of_neighbours_and_of_the_last_to_the_first() -> None:
    frames = torch.tensor([0.0, 0.1, 0.4, 0.5])[:, None, None, None].expand(4, 3, 5, 6)
    assert measure_changes(frames) == pytest.approx([0.1, 0.3, 0.1, 0.5])
