"""Random generators whose numbers are determined by a key."""

import numpy as np
import torch


def make_generator(*key: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator whose stream depends on nothing but the key and the kind of device. Different keys of the same
    length, of numbers from 0 to 2**32 - 1, give unrelated streams; zeros at the end of a key of up to four numbers are
    ignored."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(seed)
