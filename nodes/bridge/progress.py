"""Progress bar, text, live preview and cancel button of the node that is running."""

import time
from types import TracebackType
from typing import NoReturn, Self

import comfy.model_management as mm
import comfy.utils
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid
from tqdm import tqdm

from .page import show_text

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
