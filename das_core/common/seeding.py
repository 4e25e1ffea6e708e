"""Random generators that are functions of a key."""

import numpy as np
import torch


def make_generator(*key: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator whose stream depends on nothing but the key: whole numbers from 0 up, such as (seed, item).

    Keys of different lengths or values give unrelated streams.
    """
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(seed)
