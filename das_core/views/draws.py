"""The random numbers of views, which depend on the view alone and not on the order in which views are made.

The few numbers of `Draws.uniform` are drawn on the CPU and are the same on every device. The many numbers of
`Draws.noise` are drawn on the device of the views; a CPU and a GPU give different noise.
"""

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
    """The numbers that identify a view. Its random draws are a function of all of them except `image`.

    Args:
        seed: the seed of the ascent, from 0 up.
        item: the index (in the batch) of the image that the view shows. If `image` is given, the view shows the image
            with that index instead, but its random draws still depend on `item`.
        step: the number of the step, from 0.
        view: the number of the view among those of its image in the step, from 0.
        group: the number, from 0, of the group of terms that sees the view (`ascent.groups.group_by_judge`). Each group
            sees views of its own.
        image: the index (in the batch) of the image that the view shows; `item` if None. Views whose keys differ only
            in `image` show different images through equal windows, flips and noise, so that the images can be compared.

    Example:
        >>> import torch
        >>> from das_core.views import Draws, ViewKey
        >>> first, second = ViewKey(seed=1, item=0, step=0, view=0), ViewKey(seed=1, item=0, step=0, view=1)
        >>> [round(number, 2) for number in Draws([first, second], torch.device("cpu")).uniform()]
        [0.69, 0.55]
        >>> [round(number, 2) for number in Draws([second], torch.device("cpu")).uniform()]
        [0.55]
    """

    seed: int
    item: int
    step: int
    view: int
    group: int = 0
    image: int | None = None


class Draws:
    """The random numbers of some views, and the progress of the ascent at the step for which they are drawn.

    Each view has its own streams of random numbers. So its numbers do not depend on the other views that are made at
    the same time, nor on the sizes of chunks and batches. Every call of `uniform` or `noise` takes the next numbers.

    Args:
        keys: a `ViewKey` for each view: the seed, the step and the other numbers that identify the view.
        device: where the views are, and where `noise` is made.
        coarse_progress: the share of the coarse part of the ascent that is over, 0..1; 1 if there is no coarse part.
        progress: the share of the whole ascent that is over, 0..1.

    Attributes:
        items: for each view, the index (in the batch) of the image that it shows.

    Example:
        >>> import torch
        >>> from das_core.views import Draws, ViewKey
        >>> draws = Draws([ViewKey(seed=0, item=0, step=0, view=view) for view in range(2)], torch.device("cpu"))
        >>> len(draws), len(draws.uniform()), draws.noise((3, 8, 8), "gaussian").shape
        (2, 2, torch.Size([2, 3, 8, 8]))
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
        """Return noise (V, *shape), drawn on the device of the views; a CPU and a GPU give different noise.

        Args:
            shape: the shape of the noise of one view.
            kind: uniform in [0, 1), or Gaussian of mean 0 and variance 1.
        """
        out = torch.empty(len(self), *shape, dtype=torch.float32, device=self.device)
        fill = torch.rand if kind == "uniform" else torch.randn
        for row, stream in pausing(zip(out, self._device_streams, strict=True)):
            fill(row.shape, generator=stream, out=row, device=self.device, dtype=torch.float32)
        return out
