"""Random generators whose numbers are determined by a key."""

import numpy as np
import torch


def make_generator(*key: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator whose stream depends only on the key, of numbers from 0 to 2**32 - 1, and the kind of device.
    Different keys of the same length give unrelated streams; of up to four numbers, zeros at the end are ignored."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(seed)
