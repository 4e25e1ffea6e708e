"""Random numbers that belong to what they are drawn for, not to the order of the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..common.seeding import make_generator

NoiseKind = Literal["uniform", "gaussian"]


@dataclass(frozen=True)
class ViewKey:
    """What a view's draws are a function of."""

    seed: int
    item: int
    step: int
    view: int
    judge: int = 0


class Draws:
    """The draws of some views, each from a stream of its own, so that chunks and batch sizes change nothing.

    Few numbers (`uniform`) come from the CPU, the same on every device; many (`noise`) are made on the device.
    `coarse_progress` in 0..1 tells how much of the coarse part of the ascent is over, `progress` how much of all of it.
    """

    def __init__(
        self, keys: Sequence[ViewKey], device: torch.device, coarse_progress: float = 1.0, progress: float = 1.0
    ) -> None:
        self.items = [key.item for key in keys]
        self.coarse_progress, self.progress = coarse_progress, progress
        self.device = device
        self._few = [make_generator(k.seed, k.item, k.step, k.view, k.judge) for k in keys]
        self._many = [make_generator(k.seed, k.item, k.step, k.view, k.judge, 1, device=device) for k in keys]

    def __len__(self) -> int:
        return len(self.items)

    def uniform(self) -> list[float]:
        """One number in 0..1 for every view."""
        return [float(torch.rand((), generator=stream, dtype=torch.float64)) for stream in self._few]

    def noise(self, shape: Sequence[int], kind: NoiseKind) -> Tensor:
        """Noise (views, *shape) on the device: uniform in 0..1, or Gaussian of unit variance."""
        out = torch.empty(len(self), *shape, device=self.device)
        fill = torch.rand if kind == "uniform" else torch.randn
        for row, stream in zip(out, self._many, strict=True):
            fill(row.shape, generator=stream, out=row, device=self.device)
        return out
