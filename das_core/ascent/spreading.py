"""Which frame of a film, or moment of a zoom, each view shows at a step, so that all are shown about equally often."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.seeding import make_generator

_GOLDEN = (math.sqrt(5) - 1) / 2  # An offset that grows by it, modulo 1, comes near every value within a few steps.

# How many frames are processed at once where each is treated by itself: one fits into the caches of a CPU.
_CPU_FRAMES, _GPU_FRAMES = 1, 16


def spread_views(views: int, frames: int, step: int, seed: int, group: int) -> list[int]:
    """Return the number of the frame that every view of a step shows, each in a part of the film (docs/method.md)."""
    drawn = float(torch.rand((), generator=make_generator(seed, group, 1), dtype=torch.float64))
    offset = (drawn + step * _GOLDEN) % 1
    return [min(int((view + offset) / views * frames), frames - 1) for view in range(views)]


def count_views(views: int, shown: int, frames: int) -> int:
    """Return how many views a group gets that acts on `shown` of all frames: in proportion, at least 1."""
    return max(1, round(views * shown / frames))


def split_frames(frames: Sequence[int], device: torch.device) -> Iterator[tuple[int, list[int]]]:
    """Yield the numbers of frames in parts that a device should process at once, each with how many come before it."""
    at_once = _CPU_FRAMES if device.type == "cpu" else _GPU_FRAMES
    for begin in range(0, len(frames), at_once):
        yield begin, list(frames[begin : begin + at_once])


def select_images(values: Tensor, images: Sequence[int]) -> Tensor:
    """Return some of the images of a batch (B, C, H, W)."""
    if len(images) == 1:
        return values[images[0] : images[0] + 1]  # A slice copies nothing.
    return values.index_select(0, send_to_device(torch.tensor(images), values.device))
