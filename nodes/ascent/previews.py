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
    """Return the images of a preview (B, 3, H, W): pictures, or a sheet of at most nine frames of a film or depths."""
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
