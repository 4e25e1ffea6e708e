"""Transforms of views: changes that an augmentation makes to views after they are cut out of the canvas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, get_args

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.choices import check_choice
from ..common.devices import send_to_device
from ..common.interruption import pausing
from ..common.scalars import check_number
from .draws import Draws, NoiseKind
from .sampling import linear_resize_matrix


class Transform(Protocol):
    """A differentiable change of views.

    A transform is a frozen dataclass with a `__call__`. All its randomness comes from the draws that it is given. The
    attribute `kept_views` is optional: the memory that the transform takes until the backward pass is done, as a
    multiple of that of the views.

    Example:
        >>> from dataclasses import dataclass
        >>> import direct_ascent as da
        >>> @dataclass(frozen=True)
        ... class Darken:
        ...     factor: float = 0.5
        ...
        ...     def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        ...         return views * self.factor
        >>> da.views.Augmentation(transforms=(da.views.Flip(), Darken())).transforms
        (Flip(probability=0.5), Darken(factor=0.5))
    """

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, made of such views, which are not changed in place."""
        ...


_UNKNOWN_KEPT = 3.0
"""The `kept_views` that is assumed for a transform without this attribute: enough for one or two operations."""


def count_kept_views(transforms: Sequence[object]) -> float:
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
        check_number("flip", self.probability, 0, 1, "0.5 is every second view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), some of them mirrored."""
        mirrored = [number < self.probability for number in draws.numbers()]
        if not any(mirrored):
            return views
        return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, mirrored, strict=True)])


_SHARES = 0.25, 1.0  # Of noise that falls, that a view has: some views are clearer than others at every step.


@dataclass(frozen=True)
class Noise:
    """A transform that adds noise to views and clips them to 0..1.

    Args:
        amplitude: the standard deviation of Gaussian noise, or the largest value of uniform noise, 0..10. Without noise
            the picture can get patterns that only a model sees; above 0.1, Gaussian noise makes it grainy.
        kind: `gaussian`, or `uniform`, the noise of Direct Ascent Synthesis' own code (amplitude 0.2): it makes views
            brighter by half its amplitude, so the picture comes out darker than the views that the judge scored.

    A judge that was taught to see through noise (docs/teaching.md) gets more: at the first step `Judge.noise`, which
    falls evenly to the amplitude; each view has 25 to 100 % of it, and is not clipped. At 0 it gets none, either.
    """

    amplitude: float = 0.05
    kind: NoiseKind = "gaussian"
    kept_views: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        check_number("noise", self.amplitude, 0, 10, "0.05 is a good amount")
        check_choice("noise kind", self.kind, get_args(NoiseKind))

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, with noise."""
        if self.amplitude == 0:
            return views
        if draws.judge_noise > self.amplitude:
            strength = draws.judge_noise + (self.amplitude - draws.judge_noise) * draws.progress
            return views + draws.noise(views.shape[1:], self.kind) * (strength * draws.uniform(*_SHARES))
        # A product and then a sum, each rounded, as in Direct Ascent Synthesis' own code. A fused operation rounds only
        # once, so its last bit would differ.
        return draws.noise(views.shape[1:], self.kind).mul_(self.amplitude).add_(views).clamp(0, 1)


@dataclass(frozen=True)
class Grayscale:
    """A transform that shows some views without colour, so that the judge has to recognise shapes as well.

    Args:
        probability: the probability that a view is grey, 0..1. Above about 0.5 colours hardly matter.
    """

    probability: float = 0.25
    kept_views: ClassVar[float] = 2.4

    def __post_init__(self) -> None:
        check_number("grayscale", self.probability, 0, 1, "0.25 is every fourth view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, some of them grey: the luminance of Rec. 601 in all channels."""
        is_grey = [number < self.probability for number in draws.numbers()]
        if not any(is_grey):
            return views
        from torchvision.transforms.functional import rgb_to_grayscale  # Not at the top: it takes two seconds to load.

        chosen = send_to_device(torch.tensor(is_grey), views.device)[:, None, None, None]
        return torch.where(chosen, rgb_to_grayscale(views, num_output_channels=3), views)


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
