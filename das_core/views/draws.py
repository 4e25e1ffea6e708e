"""The random numbers of views, which depend on the view alone and not on the order in which views are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.interruption import allow_interrupt, pausing
from ..common.seeding import make_generator

NoiseKind = Literal["uniform", "gaussian"]
"""`uniform` is uniform noise in [0, 1), `gaussian` is Gaussian noise of mean 0 and variance 1."""


@dataclass(frozen=True)
class ViewKey:
    """The numbers that identify a view, all from 0 up. Its random draws are a function of all of them except `image`.

    Views whose keys differ only in `image` show different images through equal windows, flips and noise.

    Args:
        seed: that of the ascent.
        item: the index of an image of a batch, or the number of a film.
        step: the number of the step.
        view: the number of the view among those of its item and group.
        group: that of the terms that see the view.
        image: the index of the image that it shows, `item` if None.
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
    of a method takes the next numbers.

    Args:
        keys: what identifies each view; `items` has the index of the image that it shows.
        device: that of the views.
        coarse_progress: the share of the coarse part of the ascent that is over, 1 if there is none.
        progress: the share of the ascent that is over.
        judge_noise: the noise at the first step that the judge of the views was taught to see through, see `Judge`.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> keys = [da.views.ViewKey(seed=0, item=0, step=0, view=view) for view in range(2)]
        >>> draws = da.views.Draws(keys, torch.device("cpu"))
        >>> draws.uniform(0.5, 1.5).flatten()
        tensor([0.8905, 0.6815])
    """

    def __init__(
        self,
        keys: Sequence[ViewKey],
        device: torch.device,
        coarse_progress: float = 1.0,
        progress: float = 1.0,
        judge_noise: float = 0.0,
    ) -> None:
        self.items = [key.item if key.image is None else key.image for key in keys]
        self.coarse_progress, self.progress, self.judge_noise = coarse_progress, progress, judge_noise
        self.device = device
        self._cpu_streams = [make_generator(k.seed, k.item, k.step, k.view, k.group) for k in keys]
        self._keys = keys

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _device_streams(self) -> list[torch.Generator]:
        """The random generators of `noise`, one for each view."""
        return [make_generator(k.seed, k.item, k.step, k.view, k.group, 1, device=self.device) for k in self._keys]

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return a number from `low` to `high` for every view, (V, 1, 1, 1), to multiply views with or to compare:
        float32, on the device of the views, and the same on every device."""
        numbers = torch.tensor(self.numbers(), dtype=torch.float64) * (high - low) + low
        return send_to_device(numbers.float()[:, None, None, None], self.device)

    def numbers(self) -> list[float]:
        """Return one number in [0, 1) for every view, the same on every device, as a list."""
        allow_interrupt()
        return [float(torch.rand((), generator=stream, dtype=torch.float64)) for stream in self._cpu_streams]

    def noise(self, shape: Sequence[int], kind: NoiseKind = "gaussian") -> Tensor:
        """Return noise of a shape for every view, (V, …), such as `views.shape[1:]`; a GPU gives other than a CPU."""
        out = torch.empty(len(self), *shape, dtype=torch.float32, device=self.device)
        fill = torch.rand if kind == "uniform" else torch.randn
        for row, stream in pausing(zip(out, self._device_streams, strict=True)):
            fill(row.shape, generator=stream, out=row, device=self.device, dtype=torch.float32)
        return out
