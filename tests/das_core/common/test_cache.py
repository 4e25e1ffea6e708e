from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from das_core.common.cache import cached, free_caches, measure_caches, running
from das_core.common.devices import keep_copy

CPU = torch.device("cpu")


def test_a_function_keeps_its_name_and_docstring_and_computes_a_result_once_for_the_same_arguments() -> None:
    computed = []

    @cached(maxsize=8)
    def make_ramp(size: int, step: float = 1.0) -> Tensor:
        """Return the ramp."""
        computed.append((size, step))
        return torch.arange(size) * step

    assert (make_ramp.__name__, make_ramp.__doc__) == ("make_ramp", "Return the ramp.")
    first = make_ramp(4, step=0.5)
    assert make_ramp(4, step=0.5) is first
    assert make_ramp(3) is not first
    assert computed == [(4, 0.5), (3, 1.0)]
    assert first.tolist() == [0.0, 0.5, 1.0, 1.5]


def test_the_result_that_was_not_used_for_the_longest_time_is_dropped() -> None:
    computed = []

    @cached(maxsize=2)
    def remember(number: int) -> int:
        computed.append(number)
        return number

    for number in (1, 2, 1, 3, 1, 2):
        assert remember(number) == number
    # When 3 came, 2 had been waiting longer than 1.
    assert computed == [1, 2, 3, 2]


def test_a_result_made_inside_inference_mode_takes_part_in_autograd() -> None:
    @cached(maxsize=1)
    def make_ones(size: int) -> Tensor:
        return torch.ones(size)

    with torch.inference_mode():
        made = make_ones(3)
    assert not made.is_inference()


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
