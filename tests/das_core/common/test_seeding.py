import itertools

import numpy as np
import torch

from das_core.common.seeding import make_generator


def draw(*key: int, count: int = 1000) -> torch.Tensor:
    return torch.randn(count, generator=make_generator(*key), dtype=torch.float64)


def test_a_key_gives_one_stream_which_every_number_and_its_place_changes_up_to_the_largest_seed_of_a_node() -> None:
    assert torch.equal(draw(3, 1, 4), draw(3, 1, 4))
    assert make_generator(3).device == torch.device("cpu")
    keys = [*itertools.product(range(3), repeat=4), (1, 2, 3, 4, 0), (1, 2, 3, 4, 0, 1), (2**64 - 1, 0, 0, 1)]
    assert len({draw(*key, count=1).item() for key in keys}) == len(keys)


def test_streams_of_neighbouring_keys_are_unrelated() -> None:
    streams = np.stack([draw(seed, item).numpy() for seed in range(6) for item in range(6)])
    # 630 pairs of a thousand numbers, each with a standard deviation of 0.032.
    assert np.abs(np.corrcoef(streams) - np.eye(36)).max() < 0.15
