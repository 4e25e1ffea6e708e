"""A bound on the distance of a picture from the start of its stack: projected ascent (Madry et al., ICLR 2018)."""

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from PIL import Image
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import send_to_device
from ..common.images import check_images, to_bytes
from ..common.scalars import as_switch, check_number, set_fields
from ..common.seeding import make_generator
from ..common.text import shorten
from ..stack.image_stack import ImageStack
from ..stack.pixels import crop_margin, invert_pixels, render_pixels

_LOG = logging.getLogger(__name__)

Norm = Literal["linf", "l2"]  # The largest difference of any value, or the root of the sum of their squares.

# Projected pixels stay this far inside the bound, so that rounding does not lead out of it: converted to a canvas and
# back, a pixel changes by up to 5e-7, and the start by up to 1e-6.
_ROUNDING = 2e-6

# The smallest limit is larger than rounding errors; the largest are more than any distance between pictures.
_LEAST = 1e-5
_MOST = {"linf": 1.0, "l2": 1e30}


@dataclass(frozen=True)
class Within:
    """How far a picture may go from its start, measured in pixel values (0..1), for every image by itself.

    The start of a stack made from an image is the image itself, whatever the contrast with which the ascent begins.
    Under `linf` the bound also holds for files of 8 bits, and for the margin; a result is not saved in a format that
    breaks it, such as .jpg. Under `l2` the change of the whole canvas
    is scaled down by one factor, so that the distance of the picture without the margin is within the limit.

    Args:
        limit: the largest distance, from 1e-5 up. Under `linf` it is at most 1, and 8/255 hardly shows. Under `l2`, 3
            is usual for a picture of 224 x 224 pixels.
        norm: how the distance is measured.
        random_start: whether the ascent of a new stack begins at a random picture within the bound, another for every
            seed and image, and not at the start.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> after = da.Ascent(stack, da.prior("total_variation"), steps=3, within=da.Within(0.02)).run().image
        >>> bool((after - stack.image()).abs().max() <= 0.02)
        True
    """

    limit: float
    norm: Norm = "linf"
    random_start: bool = False

    def __post_init__(self) -> None:
        check_choice("norm", self.norm, get_args(Norm))
        set_fields(self, random_start=as_switch("random_start", self.random_start))
        check_number("bound", self.limit, _LEAST, _MOST[self.norm], "pixels are 0..1, and 8/255 hardly shows")

    @classmethod
    def read(cls, given: "Within | float | None") -> "Within | None":
        """Return a bound that may be given as its limit; None stays None."""
        return given if given is None or isinstance(given, Within) else cls(given)

    def enlarge(self, scale: float) -> "Within":
        """Return the bound of pictures of a multiple of the size, in which each pixel may change as much as before."""
        grows = self.norm == "l2"  # The root of a sum over `scale` times as many rows and columns.
        return replace(self, limit=min(self.limit * scale, _MOST[self.norm])) if grows else self

    def check_start(self, stack: ImageStack) -> None:
        """Raise a ValueError when an image of a stack is already outside the bound."""
        change = render_pixels(stack.canvas, stack.spec.color) - render_pixels(stack.start, stack.spec.color)
        distance = float(self._measure(change, stack.spec.margin).max())
        if distance > self.limit:
            raise ValueError(
                f"the picture is {distance:.3g} from what it started from, further than the bound of {self.limit:.3g}: "
                "start from the image itself, or set a wider bound"
            )

    def draw_start(self, stack: ImageStack, seed: int, mask: Tensor | None = None) -> ImageStack:
        """Return a stack at random pictures within the bound, if that is wanted; outside of a mask at the start."""
        if not self.random_start or stack.steps:
            return stack
        noise = torch.empty_like(stack.canvas, device="cpu")
        for item, image in enumerate(noise):
            image.uniform_(-1, 1, generator=make_generator(seed, item))
        change = send_to_device(noise, stack.canvas.device) * (1.0 if mask is None else mask)
        if self.norm == "l2":
            change = change / self._measure(change, stack.spec.margin)[:, None, None, None]
        pixels = render_pixels(stack.start, stack.spec.color) + self.limit * change
        return self.project(replace(stack, canvas=invert_pixels(pixels, stack.spec.color)))

    def project(self, stack: ImageStack) -> ImageStack:
        """Return the stack with the nearest images within the bound."""
        color = stack.spec.color
        pixels, middle = render_pixels(stack.canvas, color), render_pixels(stack.start, color)
        bytes_ = middle.mul(255).round_().div_(255)
        has_bytes = (bytes_ - middle).abs() < _ROUNDING
        middle = torch.where(has_bytes, bytes_, middle)
        if self.norm == "linf":
            near = self._clamp(pixels, middle, has_bytes)
            outside = (near != pixels).any(dim=1, keepdim=True)
        else:
            change = pixels - middle
            distance = self._measure(change, stack.spec.margin)[:, None, None, None]
            limit = max(self.limit - _ROUNDING * math.sqrt(change[0].numel()), self.limit / 2)
            outside = distance > limit
            near = middle + change * (limit / distance.clamp(min=limit))
        canvas = invert_pixels(near, color)
        # Pixels (under `linf`) or images (under `l2`) within the bound keep their bits.
        return replace(stack, canvas=torch.where(outside, canvas, stack.canvas))

    def check_file(self, path: Path, name: str, picture: Tensor, start: Tensor) -> None:
        """Raise a ValueError when a file of a picture (1, 3, H, W) is farther from a file of the `start` than the bound
        and 8 bits allow, as those of lossy formats are; log it when 8 bits alone lead out. Messages say `name`."""
        rounded, start = (check_images(Image.fromarray(to_bytes(one)), "the picture") for one in (picture, start))
        slack = _ROUNDING * (1 if self.norm == "linf" else math.sqrt(picture.numel()))
        allowed = max(self.limit, needed := float(self._measure(rounded - start, 0)))
        try:
            with Image.open(path) as file:
                saved = check_images(file, "the file")
            distance = float(self._measure(saved - start, 0)) if saved.shape == start.shape else math.inf
        except OSError:  # Pillow cannot read all that it writes.
            distance = math.inf
        if distance > allowed + slack:
            raise ValueError(
                f"'{shorten(name)}' would be {distance:.3g} from what the picture started from, and {self.limit:.3g} "
                "is the bound: its format changes pixels; let the name end with .png"
            )
        if needed > self.limit + slack:
            _LOG.warning(
                "rounded to 8 bits, '%s' is %.3g from what the picture started from, and %.3g is the bound",
                shorten(name),
                needed,
                self.limit,
            )

    def _clamp(self, pixels: Tensor, middle: Tensor, has_bytes: Tensor) -> Tensor:
        """Return the nearest pixels within the limit around `middle`; `has_bytes` is true where that has 8 bits."""
        limit, steps = self.limit - _ROUNDING, math.floor(self.limit * 255 + 1e-6)
        # No saved picture may differ by more than `steps` from 8 bits, whether a program rounds to the nearest or down.
        above = min(limit, (steps + 0.499) / 255)
        below = steps / 255 - _ROUNDING if steps else above
        least = torch.where(has_bytes, middle - below, middle - limit)
        most = torch.where(has_bytes, middle + above, middle + limit)
        return pixels.clamp(least, most)

    def _measure(self, change: Tensor, margin: int) -> Tensor:
        """Return the norm, (B,), of a change (B, 3, H, W) of the pixels of a canvas."""
        if self.norm == "linf":
            return change.abs().amax(dim=(1, 2, 3))
        return crop_margin(change, margin).square().sum(dim=(1, 2, 3)).sqrt()
