"""Errors that end a sweep: mistakes that are found before it starts, and failures that stop it later."""

import errno
from collections.abc import Sequence

from runner.workflow_graph import WorkflowError, elide

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What a file system answers when nothing more can be written."""


class SweepError(WorkflowError):
    """An error in the grid or in the settings, found before anything is computed.

    Args:
        problems: sentences that name everything that is wrong; at least one.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems: Sequence[str] = tuple(map(elide, problems))


class SweepStoppedError(RuntimeError):
    """A sweep cannot go on, such as on a full disk; what is done is kept, and the same command goes on from there."""
