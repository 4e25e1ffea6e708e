"""An objective that acts in a part of the picture."""

from dataclasses import dataclass

from torch import Tensor

from .base import Objective
from .wrapped import WrappedObjective


@dataclass(frozen=True)
class RegionObjective(WrappedObjective):
    """An objective under a mask (B or 1, h, w), 0..1, of any size, which covers the picture as an image would.

    Its judge is shown views from where the mask is, and its gradient counts under the mask only. What that moves on
    coarse levels reaches over the edge, so that regions meet without a seam; a stack with a mask of its own keeps what
    lies outside of that one exactly. A region within a region is where both are.
    """

    mask: Tensor


def regions_of(objective: Objective) -> tuple[Tensor, ...]:
    """The masks that an objective is under, the innermost last; none for one that acts everywhere."""
    if not isinstance(objective, WrappedObjective):
        return ()
    own = (objective.mask,) if isinstance(objective, RegionObjective) else ()
    return (*own, *regions_of(objective.objective))
