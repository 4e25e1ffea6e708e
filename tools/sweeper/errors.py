"""What ends a sweep: something wrong that is known before it starts, and something that stops it on the way."""

import errno
from collections.abc import Sequence

from runner.workflow_graph import WorkflowError, elide

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What a file system answers when nothing more can be written."""


class SweepError(WorkflowError):
    """What was given is wrong; nothing has been computed.

    Args:
        problems: everything that is wrong, a sentence each; at least one.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems: Sequence[str] = tuple(map(elide, problems))


class SweepStoppedError(RuntimeError):
    """A sweep cannot go on, such as on a full disk; what is done is kept, and the same command goes on from there."""
