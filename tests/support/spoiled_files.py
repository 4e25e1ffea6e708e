"""Damages the bytes of files at random."""

import random

from outcomes import pick


def spoil_bytes(generator: random.Random, content: bytes) -> bytes:
    """Return the content of a file, cut off or with one to six bytes changed."""
    if generator.random() < 0.2:
        return content[: generator.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(generator.randint(1, 6)):
        reach = pick(generator, [64, 2000, len(content)])
        place = generator.randrange(min(reach, len(content)))
        changed[place if generator.random() < 0.7 else -place - 1] = generator.randrange(256)
    return bytes(changed)
