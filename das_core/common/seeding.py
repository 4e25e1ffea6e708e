"""Random generators whose numbers are determined by a key."""

import numpy as np
import torch


def make_generator(*key: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator whose stream depends on nothing but the key and the kind of device.

    Different keys of the same length, with numbers below 2**32, give unrelated streams. Other keys can share a stream,
    for two reasons. `numpy.random.SeedSequence` splits a number of 2**32 or more into several numbers, and it ignores
    zeros at the end of a key of up to four numbers. So it treats (5,) and (5, 0) as the same key, and also
    (5 + 2**32, 0) and (5, 1).

    Args:
        *key: whole numbers from 0 up, such as a seed and the number of an image.
        device: where the generator draws; the CPU if None.

    Raises:
        ValueError: when a number of the key is negative.

    Example:
        >>> from das_core.common.seeding import make_generator
        >>> torch.rand(2, generator=make_generator(0, 1))
        tensor([0.1451, 0.6734])
        >>> torch.rand(2, generator=make_generator(0, 1))
        tensor([0.1451, 0.6734])
    """
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(seed)
