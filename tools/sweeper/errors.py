"""Errors of a sweep: mistakes, nearly all of which are found before it starts, and failures that stop it later."""

import errno
from collections.abc import Sequence

from runner.workflow_graph import WorkflowError, elide

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""The numbers of the errors after which nothing more can be stored: the file system is full, over its quota, read-only
or defective, or a file would exceed the largest size that the file system allows, such as 4 GB on a memory card."""


MAX_PROBLEMS = 30
"""The most problems that are listed; a wrong range in a grid can cause thousands."""


class SweepError(WorkflowError):
    """An error that keeps a sweep from starting.

    Something is wrong with the grid, the settings, the folder of results or Ray, or a cell fails in a trial run.

    Args:
        problems: at least one sentence; each says one thing that is wrong. The attribute `problems` contains the first
            `MAX_PROBLEMS` sentences. If there are more, a last entry of the attribute says how many are left out.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        more = len(problems) - MAX_PROBLEMS
        listed = problems[:MAX_PROBLEMS] + ((f"and {more:,} more",) if more > 0 else ())
        self.problems: Sequence[str] = tuple(map(elide, listed))


class SweepStoppedError(RuntimeError):
    """A sweep cannot go on, for instance because the disk is full.

    The rows and pictures of finished cells are kept, and the same command continues the sweep later.
    """
