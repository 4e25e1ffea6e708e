"""A transform that blurs some views, as if they were seen from afar, so that only large shapes remain."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.interruption import pausing
from ..common.scalars import check_number
from .draws import Draws
from .sampling import linear_resize_matrix

NEAREST, FARTHEST = 0.5, 0.2
"""The largest and the smallest factor by which a view is shrunk."""


@dataclass(frozen=True)
class Distance:
    """A transform that shrinks some views and enlarges them again, as if they were seen from afar.

    A picture that a judge also recognises from afar has the shape of its class, and not only its texture. The logarithm
    of the factor by which a view is shrunk is uniform between those of 0.2 and 0.5.

    Args:
        probability: the probability that a view is seen from afar, 0..1.
    """

    probability: float = 1 / 3
    kept_views: ClassVar[float] = 2.5

    def __post_init__(self) -> None:
        check_number("distance", self.probability, 0, 1, "0.33 is every third view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), some of them without fine detail."""
        is_far = [number < self.probability for number in draws.numbers()]
        places = draws.numbers()
        if not any(is_far):
            return views
        side = views.shape[-1]
        seen = []
        for view, far, place in pausing(zip(views, is_far, places, strict=True)):
            if far:
                shrunk = max(1, round(side * FARTHEST * (NEAREST / FARTHEST) ** place))
                matrix = _make_shrinking(side, shrunk, views.device)
                view = matrix @ view @ matrix.T
            seen.append(view)
        return torch.stack(seen)


# A matrix product has the same bits on every run; the backward pass of PyTorch's own resizing on CUDA does not. With
# views of 224 pixels, an ascent needs about seventy of these matrices, each of 200 KB.
@cached(maxsize=256)
def _make_shrinking(side: int, shrunk: int, device: torch.device) -> Tensor:
    """Return the matrix (side, side) that shrinks a line of pixels to `shrunk` pixels and enlarges it again."""
    enlarge = linear_resize_matrix(shrunk, side, device)
    return enlarge @ linear_resize_matrix(side, shrunk, device)
