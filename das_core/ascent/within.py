"""A bound on how far an ascent may take a picture from what it started from.

After every step the pixels are projected onto the nearest ones that the bound allows: projected gradient ascent, as in
the attacks of Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..stack.color import from_rgb
from ..stack.image_stack import ImageStack
from ..stack.pixels import crop_margin, render_pixels

Norm = Literal["linf", "l2"]
"""How the distance of two pictures is measured: by the channel of a pixel that differs most, or by the root of the sum
of all squared differences."""

# How far from 0 and 1 a pixel stays, for the tanh reaches neither; and how far inside the bound, so that rounding on
# the way through the canvas does not lead out of it.
_EDGE = 1e-6

# The smallest limit, still larger than rounding errors; and the largest, which no picture reaches (float32 ends at
# 3e38).
_LEAST, _MOST = 1e-5, 1e30


@dataclass(frozen=True)
class Within:
    """How far a picture may go from its start, in pixels of 0..1, for every image by itself.

    The margin is bounded with the picture: under `linf` its pixels have the same limit; under `l2` only the pixels of
    the picture are summed, and if the sum is too large, the change of the whole canvas is scaled down by one factor.

    Args:
        limit: the largest distance, from 1e-5 up: under `linf` 8/255 hardly shows; under `l2` 3 is usual for a picture
            of 224 pixels.
        norm: how the distance is measured.

    Raises:
        ValueError: when the limit is out of range, or there is no such norm.

    Example:
        >>> from das_core import Ascent, ImageStack, Prior, StackSpec, Within
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> after = Ascent(stack, Prior("total_variation"), steps=3, within=Within(0.02)).run().image
        >>> bool((after - stack.image()).abs().max() <= 0.02)
        True
    """

    limit: float
    norm: Norm = "linf"

    def __post_init__(self) -> None:
        check_choice("norm", self.norm, get_args(Norm))
        if not _LEAST <= self.limit <= _MOST:
            raise ValueError(
                f"a bound of {self.limit} is not a number from {_LEAST:g} to {_MOST:g}; 8/255 hardly shows"
            )

    def measure(self, stack: ImageStack) -> Tensor:
        """Return how far the picture of a stack is from its start, (B,)."""
        change = render_pixels(stack.canvas, stack.spec.color) - render_pixels(stack.start, stack.spec.color)
        return self._measure(change, stack.spec.margin)

    def check_start(self, stack: ImageStack) -> None:
        """Raise a ValueError when the picture of a stack is already outside the bound."""
        distance = float(self.measure(stack).max())
        if distance > self.limit:
            raise ValueError(
                f"the picture is {distance:.3g} from what it started from, further than the bound of {self.limit:.3g}: "
                "start from the image itself, or set a wider bound"
            )

    def project(self, stack: ImageStack) -> ImageStack:
        """Return the stack whose picture is the nearest one within the bound.

        Args:
            stack: a stack without parameters; distances are measured from its start.
        """
        color = stack.spec.color
        pixels, middle = render_pixels(stack.canvas, color), render_pixels(stack.start, color)
        limit, change = self.limit - _EDGE, pixels - middle
        if self.norm == "linf":
            outside = (change.abs() > limit).any(dim=1, keepdim=True)
            near = middle + change.clamp(-limit, limit)
        else:
            distance = self._measure(change, stack.spec.margin)[:, None, None, None]
            outside = distance > limit
            near = middle + change * (limit / distance.clamp(min=limit))
        canvas = from_rgb(torch.logit(near.clamp(_EDGE, 1 - _EDGE)).div_(2), color)
        # Pixels inside the bound are not converted, so they are not rounded.
        return replace(stack, canvas=torch.where(outside, canvas, stack.canvas))

    def _measure(self, change: Tensor, margin: int) -> Tensor:
        """Return the size, (B,), of a change (B, 3, H, W) of the pixels of a canvas."""
        if self.norm == "linf":
            return change.abs().amax(dim=(1, 2, 3))
        return crop_margin(change, margin).square().sum(dim=(1, 2, 3)).sqrt()


def read_within(within: Within | float | None) -> Within | None:
    """Return a bound as a `Within`; a number is the limit of one with the norm `linf`.

    Raises:
        ValueError: when the number is out of range.
    """
    return Within(float(within)) if isinstance(within, int | float) else within
