"""The random numbers of views, which depend on the view alone and not on the order in which views are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from ..common.seeding import make_generator

NoiseKind = Literal["uniform", "gaussian"]
"""`uniform` is uniform noise in [0, 1), `gaussian` is Gaussian noise of mean 0 and variance 1."""


@dataclass(frozen=True)
class ViewKey:
    """The numbers that identify a view, all from 0 up. Its random draws are a function of all of them except `image`.

    `group` is that of the terms that see the view; `image` is the index of the image that it shows, `item` if None.
    Views whose keys differ only in `image` show different images through equal windows, flips and noise.
    """

    seed: int
    item: int
    step: int
    view: int
    group: int = 0
    image: int | None = None


class Draws:
    """The random numbers of some views, and the progress of the ascent (0..1) at the step for which they are drawn.

    Each view has its own streams, so its numbers do not depend on the views that are made at the same time. Every call
    of `uniform` or `noise` takes the next numbers. `items` has for each view the index of the image that it shows;
    `coarse_progress` is the share of the coarse part that is over, 1 if there is none.
    """

    def __init__(
        self, keys: Sequence[ViewKey], device: torch.device, coarse_progress: float = 1.0, progress: float = 1.0
    ) -> None:
        self.items = [key.item if key.image is None else key.image for key in keys]
        self.coarse_progress, self.progress = coarse_progress, progress
        self.device = device
        self._cpu_streams = [make_generator(k.seed, k.item, k.step, k.view, k.group) for k in keys]
        self._keys = keys

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _device_streams(self) -> list[torch.Generator]:
        """The random generators of `noise`, one for each view."""
        return [make_generator(k.seed, k.item, k.step, k.view, k.group, 1, device=self.device) for k in self._keys]

    def uniform(self) -> list[float]:
        """Return one number in [0, 1) for every view, drawn on the CPU and therefore the same on every device."""
        allow_interrupt()
        return [float(torch.rand((), generator=stream, dtype=torch.float64)) for stream in self._cpu_streams]

    def noise(self, shape: Sequence[int], kind: NoiseKind) -> Tensor:
        """Return noise (V, *shape), drawn on the device of the views; a CPU and a GPU give different noise."""
        out = torch.empty(len(self), *shape, dtype=torch.float32, device=self.device)
        fill = torch.rand if kind == "uniform" else torch.randn
        for row, stream in pausing(zip(out, self._device_streams, strict=True)):
            fill(row.shape, generator=stream, out=row, device=self.device, dtype=torch.float32)
        return out
