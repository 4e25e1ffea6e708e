import itertools

import numpy as np
import pytest
import torch

from cases import each_case
from das_core.common.seeding import make_generator


def draw(*key: int, count: int = 1000) -> torch.Tensor:
    return torch.randn(count, generator=make_generator(*key), dtype=torch.float64)


@each_case("key", [(), (0,), (1,), (3, 1, 4), (2**64 - 1, 7)])
def test_a_key_gives_one_stream_on_the_cpu(key: tuple[int, ...]) -> None:
    assert torch.equal(draw(*key), draw(*key))
    for generator in (make_generator(*key), make_generator(*key, device=torch.device("cpu"))):
        assert generator.device == torch.device("cpu")


def test_every_number_of_a_key_counts_up_to_the_largest_seed_of_a_node_and_so_does_its_place() -> None:
    keys = [*itertools.product(range(3), repeat=4), (1, 2, 3, 4, 0), (1, 2, 3, 4, 0, 1)]
    firsts = {draw(*key, count=1).item() for key in keys}
    assert len(firsts) == len(keys)
    largest, least = (float(torch.rand((), generator=make_generator(seed, 0))) for seed in (2**64 - 1, 0))
    assert largest != least


def test_a_stream_is_uniform_whatever_the_key_and_unrelated_to_those_of_neighbouring_keys() -> None:
    streams = np.stack([draw(seed, item).numpy() for seed in range(6) for item in range(6)])
    correlation = np.corrcoef(streams) - np.eye(36)
    # 630 pairs of a thousand numbers, each with a standard deviation of 0.032.
    assert np.abs(correlation).max() < 0.15
    numbers = torch.stack([torch.rand(100, generator=make_generator(0, item)) for item in range(100)])
    counts = torch.histc(numbers.flatten(), bins=10, min=0, max=1)
    # A thousand each, with a standard deviation of 30.
    assert bool(((counts - 1000).abs() < 150).all())


def test_the_caller_s_randomness_is_left_alone() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(5)
    np.random.seed(5)
    draw(1, 2)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        make_generator(0, -1)
