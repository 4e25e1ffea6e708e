"""What Optimize shows while it runs: a text of its status, and previews."""

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor
from torchvision.utils import make_grid

from ...das_core.objectives.term import Term
from ...das_core.stack.image_stack import ImageStack

_RECENT = 8
"""The remaining time is estimated from this many recent steps. Earlier steps are not used, because the machine may have
been busier or less busy then."""

_MAX_NAME = 20
_MAX_LENGTH = 36
"""The most characters of all scores together, because a node shows two lines of 36 characters, the second with the
scores. A single score may be longer, and the number of the scores left out ("3 more") is not counted."""


class Status:
    """The text about an ascent: the step and the time on its first line, the scores on its second."""

    def __init__(
        self, steps: int, parts: Mapping[str, Sequence[Term]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._steps, self._parts, self._clock = steps, parts, clock
        self._begin = self._last = clock()
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def describe_start(self, stack: ImageStack) -> str:
        """Return the text before the first step, which takes a minute or more for a large picture."""
        return f"{stack.spec.width} x {stack.spec.height}: first of {self._steps} steps"

    def describe_step(self, done: int, scores: Mapping[str, float]) -> str:
        """Return the text after a step, such as 'step 34/100 · 40 s left ·' and, below it, 'jellyfish 81%'."""
        now = self._clock()
        # The first step takes longer than all others, as the models run for the first time. It is forgotten later.
        if done == 2:
            self._recent.clear()
        self._recent.append(now - self._last)
        self._last = now
        left = _format_seconds(statistics.median(self._recent) * (self._steps - done))
        up_to = "up to " if done == 1 else ""
        return self._join_lines(f"step {done}/{self._steps} · {up_to}{left} left", scores)

    def describe_end(self, done: int, scores: Mapping[str, float]) -> str:
        """Return the text after the last step, such as '100 steps in 61 s ·' and, below it, 'final: jellyfish 99%':
        scores of the finished picture, of which the views of a step may show little."""
        steps = f"{done} steps" if done == self._steps else f"finished at step {done}/{self._steps}"
        return self._join_lines(f"{steps} in {_format_seconds(self._clock() - self._begin)}", scores, "final: ")

    def describe_cancel(self, done: int) -> str:
        """Return the text after a run that was cancelled, such as 'cancelled after 14/100 steps, nothing saved'."""
        return f"cancelled after {done}/{self._steps} steps, nothing saved"

    def _join_lines(self, first: str, scores: Mapping[str, float], of: str = "") -> str:
        """Return a text of two lines: `first`, and below it the scores `of` something; of one if there are none."""
        said = " · ".join(self._format_scores(scores, _MAX_LENGTH - len(of)))
        return f"{first} ·\n{of}{said}" if said else first

    def _format_scores(self, scores: Mapping[str, float], length: int) -> list[str]:
        """Return the scores that have a text, with their names; one, and others that fit into `length` letters."""
        texts = {name: self._parts[name][0].describe(score) for name, score in scores.items()}
        said = [f"{_shorten(name)} {text}" for name, text in texts.items() if text]
        shown: list[str] = []
        for text in said:
            if shown and len(" · ".join([*shown, text])) > length:
                break
            shown.append(text)
        more = len(said) - len(shown)
        return [*shown, f"{more} more"] if more else shown


def _shorten(name: str) -> str:
    """Return a name on one line, cut to `_MAX_NAME` characters."""
    name = " ".join(name.split())
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1].rstrip()}…"


def _format_seconds(seconds: float) -> str:
    """Return a time as text: below 100 s in seconds, below 100 min in minutes, otherwise in hours and minutes."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


_LONGEST_WAIT = 5.0
"""A step also shows a preview if the last preview was this many seconds ago. By default a preview is shown every five
steps, and on a slow machine five steps may take a minute."""

_MOST_SHOWN = 16
"""The most images of a batch, frames of a film or depths of a zoom that a preview shows."""

_MOST_WHOLE = 4
"""The most images of a batch that a preview shows at their own size."""


def measure_sheet(stack: ImageStack) -> tuple[int, int]:
    """Return how many images a preview shows, and in how many columns."""
    count = min(stack.batch, _MOST_SHOWN)
    return count, math.ceil(math.sqrt(count))


def draw_sheet(stack: ImageStack) -> Tensor:
    """Return what a preview shows, one image (1, 3, H, W): a picture, or a sheet of up to four images of a batch; or of
    sixteen smaller ones, or sixteen frames of a film or depths of a zoom."""
    images = stack.image()
    count, columns = measure_sheet(stack)
    if len(images) == 1:
        return images
    if stack.spec.series is not None:
        images = images[[place * (len(images) - 1) // (count - 1) for place in range(count)]]
    if stack.spec.series is not None or count > _MOST_WHOLE:
        height, width = (max(1, side // columns) for side in images.shape[2:])
        images = F.interpolate(images[:count], size=(height, width), mode="bilinear", antialias=True)
    sheet: Tensor = make_grid(images.clamp(0, 1), nrow=columns, padding=2)
    return sheet[None]


class Previews:
    """Decides after every step whether a preview is shown: each `every`-th step; with 0 only after the last."""

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._shown = clock()

    def is_due(self, done: int, last: bool) -> bool:
        """Return whether a preview is due after a step; if so, store the time as that of the last preview."""
        # The preview after the last step stays on the node, so it has to be the final image.
        now = self._clock()
        due = last or (self._every > 0 and (done == 1 or done % self._every == 0 or now - self._shown >= _LONGEST_WAIT))
        if due:
            self._shown = now
        return due
