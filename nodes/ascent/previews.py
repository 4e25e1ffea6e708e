"""When Optimize shows the picture while it runs."""

import time
from collections.abc import Callable

_LONGEST_WAIT = 5.0
"""After how many seconds the picture is shown in any case: on a slow machine five steps may take a minute."""


class Previews:
    """The decision after every step whether the picture is shown.

    Args:
        every: the picture is shown every so many steps; after the first one, and after five seconds without one, too. 0
            for the last one only.
        clock: returns the time in seconds.
    """

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._shown = clock()

    def is_due(self, done: int, last: bool) -> bool:
        """Return whether the picture is to be shown after a step.

        Args:
            done: the number of steps that are done, at least 1.
            last: whether there are no more to come. The last preview stays over the node, so it has to be the final
                image.
        """
        now = self._clock()
        due = last or (self._every > 0 and (done == 1 or done % self._every == 0 or now - self._shown >= _LONGEST_WAIT))
        if due:
            self._shown = now
        return due
