"""Decides when Optimize shows a preview, and what the preview of a film or a zoom contains."""

import math
import time
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torchvision.utils import make_grid

from ...das_core.stack.image_stack import ImageStack

_LONGEST_WAIT = 5.0
"""A step also shows a preview if the last preview was this many seconds ago. By default a preview is shown every five
steps, and on a slow machine five steps may take a minute."""


_MOST_SHOWN = 9
"""The most frames of a film, or depths of a zoom, that a preview shows: three rows of three."""


def choose_shown(stack: ImageStack) -> Tensor:
    """Return the images of a preview: the pictures of a stack, or one sheet with frames of a film or depths of a zoom.

    Args:
        stack: the stack after the step that is shown.

    Returns:
        Images (B, 3, H, W), 0..1. A sheet is one image, about as wide as a frame, and about as high or lower. It shows
        at most nine frames or depths, about equally spaced, with the first and the last among them.
    """
    images = stack.image()
    if (stack.spec.time is None and stack.spec.zoom is None) or len(images) == 1:
        return images
    count = min(len(images), _MOST_SHOWN)
    frames = images[[place * (len(images) - 1) // (count - 1) for place in range(count)]]
    columns = math.ceil(math.sqrt(count))
    height, width = (max(1, side // columns) for side in images.shape[2:])
    tiles = F.interpolate(frames, size=(height, width), mode="bilinear", antialias=True)
    sheet: Tensor = make_grid(tiles.clamp(0, 1), nrow=columns, padding=2)
    return sheet[None]


class Previews:
    """Decides after every step whether a preview is shown.

    Args:
        every: the number of steps from one preview to the next. A preview is also shown after the first and the last
            step, and when none was shown for five seconds. With 0, a preview is shown after the last step only.
        clock: returns the time in seconds.
    """

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._shown = clock()

    def is_due(self, done: int, last: bool) -> bool:
        """Return whether a preview is due after a step; if so, store the time as that of the last preview.

        A preview is due after the first step, after every step whose number is a multiple of `every` (the argument of
        `Previews`), after the last step, and when the last preview was at least five seconds ago. If `every` is 0, it
        is due after the last step only.

        Args:
            done: the number of steps that are done, at least 1.
            last: whether this is the last step. Its preview is always shown: it stays on the node after the run, so it
                has to be the final image.
        """
        now = self._clock()
        due = last or (self._every > 0 and (done == 1 or done % self._every == 0 or now - self._shown >= _LONGEST_WAIT))
        if due:
            self._shown = now
        return due
