"""A disk on which no more than some bytes of a file have room."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fill_disk(room: int) -> Iterator[None]:
    """Let every file that is written while the block runs end, with an error, after so many bytes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
