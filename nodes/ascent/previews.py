"""When Optimize shows the picture while it runs, and what it shows of a film or a zoom."""

import math
import time
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torchvision.utils import make_grid

from ...das_core.stack.image_stack import ImageStack

_LONGEST_WAIT = 5.0
"""After how many seconds the picture is shown in any case: on a slow machine five steps may take a minute."""


_MOST_SHOWN = 9
"""How many frames of a film, or depths of a zoom, a preview shows at most, three by three."""


def choose_shown(stack: ImageStack) -> Tensor:
    """Return what a preview shows of a stack: its pictures, or a sheet of some frames of a film or depths of a zoom.

    Args:
        stack: the stack at the moment.

    Returns:
        Images (B, 3, H, W), 0..1. A sheet is one image, about as large as a frame, of at most nine frames at equal
        distances, the first and the last among them.
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
