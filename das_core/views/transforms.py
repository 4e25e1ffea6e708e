"""Transforms of views: changes that an augmentation makes to views after they are cut out of the canvas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import send_to_device
from ..common.interruption import pausing
from .draws import Draws, NoiseKind
from .perspective import FARTHEST_CORNER, make_perspective_grid, warp


class Transform(Protocol):
    """A differentiable change of views.

    A transform is a frozen dataclass with a `__call__`. All its randomness comes from the draws that it is given. The
    attribute `kept_views` is optional: the memory that the transform takes until the backward pass is done, as a
    multiple of that of the views.

    Example:
        >>> from dataclasses import dataclass
        >>> from das_core import Augmentation, Flip
        >>> @dataclass(frozen=True)
        ... class Darken:
        ...     factor: float = 0.5
        ...
        ...     def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        ...         return views * self.factor
        >>> Augmentation(transforms=(Flip(), Darken())).transforms
        (Flip(probability=0.5), Darken(factor=0.5))
    """

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, made of such views, which are not changed in place."""
        ...


_UNKNOWN_KEPT = 3.0
"""The `kept_views` that is assumed for a transform without this attribute: enough for one or two operations."""


def count_kept_views(transforms: Sequence[Transform]) -> float:
    """Return how many tensors, each as large as the views, transforms keep until the backward pass is done."""
    return sum(float(getattr(transform, "kept_views", _UNKNOWN_KEPT)) for transform in transforms)


@dataclass(frozen=True)
class Flip:
    """A transform that mirrors some of the views left to right.

    Args:
        probability: the probability that a view is mirrored, 0..1.
    """

    probability: float = 0.5
    kept_views: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"flip {self.probability} is not a probability between 0 and 1; 0.5 is every second view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), some of them mirrored."""
        mirrored = [number < self.probability for number in draws.uniform()]
        if not any(mirrored):
            return views
        return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, mirrored, strict=True)])


@dataclass(frozen=True)
class Noise:
    """A transform that adds noise to views and clips them to 0..1.

    Args:
        amplitude: the standard deviation of Gaussian noise, or the largest value of uniform noise, 0..10. Without noise
            the picture can get patterns that only a model sees; above 0.1, Gaussian noise makes it grainy.
        kind: `gaussian`, or `uniform`, the noise of Direct Ascent Synthesis' own code (amplitude 0.2): it makes views
            brighter by half its amplitude, so the picture comes out darker than the views that the judge scored.
    """

    amplitude: float = 0.05
    kind: NoiseKind = "gaussian"
    kept_views: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.amplitude <= 10:
            raise ValueError(f"noise {self.amplitude} is not between 0 (none) and 10; 0.05 is a good amount")
        check_choice("noise kind", self.kind, get_args(NoiseKind))

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, with noise."""
        if self.amplitude == 0:
            return views
        # A product and then a sum, each rounded, as in Direct Ascent Synthesis' own code. A fused operation rounds only
        # once, so its last bit would differ.
        return draws.noise(views.shape[1:], self.kind).mul_(self.amplitude).add_(views).clamp(0, 1)


Fill = Literal["mean", "gray"]
"""The colour of a hidden patch: `mean` is the mean colour of the view, `gray` is 0.5 in all channels."""


@dataclass(frozen=True)
class Perspective:
    """A transform that shows views as if from other angles: it warps a random quadrilateral inside a view to a full
    view.

    Args:
        distortion: the largest distance, along each axis, of a corner of the quadrilateral from that of the view, as a
            share of the side, 0..0.33.
    """

    distortion: float = 0.15
    # The memory of this transform, as a multiple of that of the views. Most of it is taken only during the backward
    # pass, which computes for each sampling point the four pixels around it, and their weights.
    kept_views: ClassVar[float] = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.distortion <= FARTHEST_CORNER:
            raise ValueError(
                f"distortion {self.distortion} is not between 0 (none) and {FARTHEST_CORNER}, a third of the side, "
                "beyond which a view could be folded; 0.15 is a good amount"
            )

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, from other angles."""
        # Drawn even if there is no distortion, so that the transforms after this one get the same random numbers.
        inward = torch.tensor([draws.uniform() for _ in range(8)], dtype=torch.float64).T.reshape(-1, 4, 2)
        if self.distortion == 0:
            return views
        return warp(views, make_perspective_grid(self.distortion * inward, views.shape[-1]))


@dataclass(frozen=True)
class PatchMask:
    """A transform that hides random rectangles of views, so that no single spot can make up the whole score.

    The rectangles lie anywhere inside the view and may overlap. No gradient flows to hidden pixels or through `mean`.

    Args:
        patches: how many rectangles each view has, 0..64.
        size: the largest possible side of a rectangle, as a share of the side of the view, above 0 and at most 1. Each
            side is drawn uniformly between half of this share and this share.
        fill: the colour of the rectangles: `mean` is the mean colour of the view, `gray` is 0.5 in all channels.
    """

    patches: int = 2
    size: float = 0.3
    fill: Fill = "mean"
    kept_views: ClassVar[float] = 2.1

    def __post_init__(self) -> None:
        if not 0 <= self.patches <= 64:
            raise ValueError(f"patches {self.patches} is not between 0 (none) and 64; 2 is a good number")
        if not 0 < self.size <= 1:
            raise ValueError(f"size {self.size} is not above 0 and at most 1 (the whole view); 0.3 is a good size")
        check_choice("fill", self.fill, get_args(Fill))

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, with rectangles hidden."""
        if self.patches == 0:
            return views
        side = views.shape[-1]
        hidden = torch.zeros(views.shape[0], 1, side, side, dtype=torch.bool)
        for _ in range(self.patches):
            numbers = (draws.uniform() for _ in range(4))
            for mask, taller, wider, down, right in pausing(zip(hidden, *numbers, strict=True)):
                height, width = (max(1, round(side * self.size * (1 + share) / 2)) for share in (taller, wider))
                top, left = int(down * (side - height + 1)), int(right * (side - width + 1))
                mask[:, top : top + height, left : left + width] = True
        color = views.detach().mean(dim=(2, 3), keepdim=True) if self.fill == "mean" else 0.5
        return torch.where(send_to_device(hidden, views.device), color, views)
