"""The choice of the frame that each view of a film shows at a step, so that all frames are shown about equally often.

The moments of a zoom are chosen in the same way.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.seeding import make_generator

_GOLDEN = (math.sqrt(5) - 1) / 2
"""The golden ratio, 0.618. If an offset in 0..1 grows by it at every step, modulo 1, it comes near every value within a
few steps."""

# How many frames of a film are processed at once by operations that treat every frame by itself. A CPU processes one,
# which fits into its caches; a GPU needs several to be busy. With a fixed number, the memory of temporary tensors does
# not grow with the length of the film.
_CPU_FRAMES, _GPU_FRAMES = 1, 16


def spread_views(views: int, frames: int, step: int, seed: int, group: int) -> list[int]:
    """Return the number of the frame that every view of a step shows.

    The film is divided into as many equal parts as there are views. Each view shows one frame of its part. The position
    of this frame in the part is the same for all views. The position is drawn at random for step 0, and moves on at
    every step by 0.618 of a part (the golden ratio), modulo a part. With as many views as frames, every frame is shown
    by one view; with twice as many views, by two. With fewer views than frames, the frames of a part are shown in
    different steps, all about equally often.

    Args:
        views: how many views there are, from 1 up.
        frames: how many frames, from 1 up.
        step: the number of the step.
        seed: the seed of the random draws.
        group: the number of the group of objectives. Each group has positions of its own.

    Example:
        >>> from das_core.ascent.spreading import spread_views
        >>> [spread_views(views=3, frames=12, step=step, seed=0, group=0) for step in range(3)]
        [[3, 7, 11], [1, 5, 9], [0, 4, 8]]
    """
    drawn = float(torch.rand((), generator=make_generator(seed, group, 1), dtype=torch.float64))
    offset = (drawn + step * _GOLDEN) % 1
    return [min(int((view + offset) / views * frames), frames - 1) for view in range(views)]


def count_views(views: int, shown: int, frames: int) -> int:
    """Return how many views a group gets if it acts on some frames only: in proportion to their number, at least 1.

    Args:
        views: how many views a group gets if it acts on all frames.
        shown: on how many frames the group acts.
        frames: how many frames there are.

    Example:
        >>> from das_core.ascent.spreading import count_views
        >>> count_views(24, shown=6, frames=12), count_views(24, shown=1, frames=48)
        (12, 1)
    """
    return max(1, round(views * shown / frames))


def split_frames(frames: Sequence[int], device: torch.device) -> Iterator[tuple[int, list[int]]]:
    """Yield the frames of a film in parts, each of which a device should process at once.

    Args:
        frames: the numbers of the frames.
        device: the device on which the frames are.

    Yields:
        For each part: how many of `frames` come before it, and the numbers of its own frames.

    Example:
        >>> import torch
        >>> from das_core.ascent.spreading import split_frames
        >>> list(split_frames([3, 5], torch.device("cpu")))
        [(0, [3]), (1, [5])]
    """
    at_once = _CPU_FRAMES if device.type == "cpu" else _GPU_FRAMES
    for begin in range(0, len(frames), at_once):
        yield begin, list(frames[begin : begin + at_once])


def select_images(values: Tensor, images: Sequence[int]) -> Tensor:
    """Return some of the images of a batch.

    Args:
        values: (B, C, H, W).
        images: the indices of the images in the batch, from 0.
    """
    if len(images) == 1:
        # A slice copies nothing.
        return values[images[0] : images[0] + 1]
    return values.index_select(0, send_to_device(torch.tensor(images), values.device))
