from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from das_core.common.cache import cached, free_caches, measure_caches, running
from das_core.common.devices import keep_copy

CPU = torch.device("cpu")


def test_a_result_is_computed_once_and_the_one_that_was_not_used_for_the_longest_time_is_dropped() -> None:
    computed = []

    @cached(maxsize=2)
    def scale(number: int, factor: float = 1.0) -> Tensor:
        """Return the product."""
        computed.append((number, factor))
        return torch.ones(1) * number * factor

    assert (scale.__name__, scale.__doc__) == ("scale", "Return the product.")
    with torch.inference_mode():
        first = scale(1, factor=0.5)
    # Autograd refuses tensors that were made in inference mode.
    assert not first.is_inference()
    for number in (2, 1, 3, 1, 2):
        assert scale(number, factor=0.5).item() == 0.5 * number
    # When 3 came, 2 had been waiting longer than 1.
    assert computed == [(1, 0.5), (2, 0.5), (3, 0.5), (2, 0.5)]
    assert scale(2) is not scale(2, factor=0.5)


@pytest.fixture
def kilobytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Tensor]:
    """A cached function that returns a kilobyte, where three are the limit."""
    monkeypatch.setattr("das_core.common.cache.LIMIT", 3 * 1024)
    free_caches()

    @cached(maxsize=100)
    def make_kilobyte(number: int) -> Tensor:
        return torch.full((256,), float(number))

    return make_kilobyte


def test_no_more_than_the_limit_is_kept_outside_of_a_run(kilobytes: Callable[[int], Tensor]) -> None:
    made = [kilobytes(number) for number in range(5)]
    assert measure_caches(CPU) == 3 * 1024
    assert kilobytes(4) is made[4]
    assert kilobytes(0) is not made[0]


def test_a_run_finds_all_that_it_uses_until_it_ends_and_the_last_one_leaves_nothing(
    kilobytes: Callable[[int], Tensor],
) -> None:
    with running(CPU):
        made = [kilobytes(number) for number in range(5)]
        with running(CPU):
            for number in range(5, 10):
                kilobytes(number)
        # What the inner run used is dropped first.
        assert all(kilobytes(number) is made[number] for number in range(5))
        assert measure_caches() == 5 * 1024
        with running(torch.device("meta")):
            pass
        assert measure_caches() == 5 * 1024
        matrix = torch.ones(4, dtype=torch.float64)
        copy = keep_copy(matrix, torch.zeros(1))
        assert keep_copy(matrix, torch.zeros(1)) is copy
    assert measure_caches() == 0
    with running(empty=False):
        made = [kilobytes(number) for number in range(5)]
    assert measure_caches() == 3 * 1024
    with running():
        pass
    assert measure_caches() == 0
