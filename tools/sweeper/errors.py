"""Errors that end a sweep: mistakes that are found before it starts, and failures that stop it later."""

import errno
from collections.abc import Sequence

from runner.workflow_graph import WorkflowError, elide

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Errors of a file system that can store nothing more, such as a memory card whose files may have at most 4 GB."""


MAX_PROBLEMS = 30
"""How many problems are listed; a wrong range can make thousands."""


class SweepError(WorkflowError):
    """An error in the grid or in the settings, found before anything is computed.

    Args:
        problems: sentences that name everything that is wrong; at least one. Beyond `MAX_PROBLEMS` they are only
            counted.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        more = len(problems) - MAX_PROBLEMS
        listed = problems[:MAX_PROBLEMS] + ((f"and {more:,} more",) if more > 0 else ())
        self.problems: Sequence[str] = tuple(map(elide, listed))


class SweepStoppedError(RuntimeError):
    """A sweep cannot go on, such as on a full disk; what is done is kept, and the same command goes on from there."""
