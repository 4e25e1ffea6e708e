"""A text on a node that is shown if loading or encoding takes more than a second."""

import threading
import time
from types import TracebackType
from typing import Self

from .page import find_running_node, say_on_node
from .progress import Progress

_PATIENCE_SECONDS = 1.0
"""The node shows a text if a wait lasts this many seconds. In a shorter wait the node shows none, because a text makes
the node taller."""


class Wait:
    """A text that the running node shows if the `with` block takes more than a second; at its end, how long it took."""

    def __init__(self, what: str, part: str = "", console: str = "") -> None:
        self._what, self._part = what, part or what
        self._progress = Progress(1, console)
        self._node = find_running_node()
        self._timer = threading.Timer(_PATIENCE_SECONDS, self._say, [what])
        # A daemon thread, so that ComfyUI can end without waiting for it.
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._progress.close()
        seconds = time.monotonic() - self._begin
        if kind is None and seconds >= _PATIENCE_SECONDS:
            self._say(f"{self._what}: done in {seconds:.0f} s")

    def report(self, done: int, total: int) -> None:
        """Move the bar, and after the first second show how many percent are done; a total of 0 is unknown."""
        waited = time.monotonic() - self._begin >= _PATIENCE_SECONDS
        self._progress.update(done, total, text=f"{self._part}: {done / total:.0%}" if total and waited else "")

    def _say(self, text: str) -> None:
        """Show a text on the node that was running when `self` was made; the timer calls this in its own thread."""
        if self._node:
            say_on_node(self._node.node_id, text)
