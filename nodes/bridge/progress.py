"""What a running node shows: its progress, its failure; and the cancel button."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, Self

import comfy.model_management as mm
import comfy.utils
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid
from tqdm import tqdm

from ...das_core.common.text import elide
from .page import find_running_node, say_on_node, show_text

_PREVIEW_COUNT = 4
"""Maximum number of images of a batch that a preview shows, two by two."""

_TEXT_SECONDS = 0.25
"""Minimum time in seconds between two texts on the node: nobody reads faster, and a GPU may do 100 steps a second."""


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error is the exception with which ComfyUI cancels a run."""
    return isinstance(error, mm.InterruptProcessingException)


def check_interrupted() -> None:
    """Raise ComfyUI's InterruptProcessingException when the user has pressed cancel."""
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """The progress of the running node: bar, text and preview on the node; a bar in the console, if it has a title."""

    def __init__(self, total: int, console: str = "") -> None:
        self._bar = comfy.utils.ProgressBar(total)
        self._total, self._name = total, console
        self._console: tqdm[NoReturn] | None = None
        self._said = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the bar in the console."""
        if self._console is not None:
            self._console.close()

    def update(self, done: int, total: int | None = None, image: Tensor | None = None, text: str = "") -> None:
        """Move the bars, and show a preview (B, 3, H, W) and a text; raise ComfyUI's error after a cancel."""
        check_interrupted()
        preview = None if image is None else ("JPEG", _make_preview(image), None)
        self._bar.update_absolute(done, total, preview)
        self._move_console(done, total or self._total)
        if text and time.monotonic() - self._said >= _TEXT_SECONDS:
            show_text(text)
            self._said = time.monotonic()

    def _move_console(self, done: int, total: int) -> None:
        """Move the bar in the console; the first call creates it."""
        if self._console is None:
            # The bars of ComfyUI's samplers obey the same setting.
            hidden = not self._name or not comfy.utils.PROGRESS_BAR_ENABLED
            self._console = tqdm(total=total, desc=self._name, disable=hidden)
        self._console.total = total
        self._console.update(done - self._console.n)


def _make_preview(images: Tensor) -> Image.Image:
    """Return a single image as it is, or the first four images of a batch as a contact sheet."""
    first = images[:_PREVIEW_COUNT].detach().cpu()
    picture: Image.Image = to_pil_image(make_grid(first, nrow=2, padding=2) if len(first) > 1 else first[0])
    return picture


_PATIENCE_SECONDS = 1.0
"""The node shows a text if a wait lasts this many seconds. In a shorter wait the node shows none, because a text makes
the node taller."""


class Wait:
    """A text that the running node shows if the `with` block takes more than a second; at its end, how long it took."""

    def __init__(self, what: str, part: str = "") -> None:
        self._what, self._part = what, part or what
        self._progress = Progress(1)
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


_LONGEST = 180
"""The most characters of a message that are shown on a node: five lines. The page's error details show more."""

_LONGEST_REFUSAL = 1000
"""The most characters of the message of a ValueError (not of a subclass), in the page's error details and the log."""


@contextmanager
def show_failure() -> Iterator[None]:
    """Show the message of an error of the `with` block on the running node, and let the error pass on."""
    # Long messages are cut in the middle, because advice stands at their end.
    running = find_running_node()
    try:
        yield
    except Exception as error:
        if type(error) is ValueError and len(str(error)) > _LONGEST_REFUSAL:
            error.args = (elide(str(error), _LONGEST_REFUSAL),)
        if running and not is_interrupt(error):
            say_on_node(running.node_id, _shorten(str(error)) or type(error).__name__)
        raise


def _shorten(message: str) -> str:
    """Return a message as one short line, in which only the name of the server is left of an address."""
    return elide(" ".join(re.sub(r"https?://([^\s/]+)\S*", r"\1", message).split()), _LONGEST)
