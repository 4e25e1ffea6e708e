"""Masks over a canvas, which say what may change: 0 where the picture is kept, 1 where it may change fully."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import Box, Shape
from .images import resize_to_cover
from .interruption import pausing
from .modes import without_autocast
from .scalars import check_number

SMALLEST_REGION = 16  # The smallest side, in pixels, of a region in which a model could recognise something.
FAINTEST_MASK = 1 / 255  # One step of an 8-bit mask: smaller values come from resizing, and were not painted.


def check_mask(mask: Tensor, what: str = "the mask") -> Tensor:
    """Return masks (B, h, w), detached, or raise a ValueError that says what is wrong with them."""
    if mask.ndim != 3 or 0 in mask.shape:
        raise ValueError(f"{what} has the shape {tuple(mask.shape)}; [batch, height, width] is needed")
    if not bool(torch.isfinite(mask).all()):
        raise ValueError(f"{what} holds values that are NaN or infinite; every value must lie in 0..1")
    for item, is_empty in enumerate((mask.amax(dim=(1, 2)) <= FAINTEST_MASK).tolist()):
        if is_empty:
            which = what if len(mask) == 1 else f"{what} number {item + 1}"
            raise ValueError(
                f"{which} has no pixel above 0, so nothing could change: paint what is to be made, or invert the mask"
            )
    return mask.detach() if mask.requires_grad else mask


def canvas_mask(mask: Tensor, shape: Shape, margin: int, feather: int = 0, what: str = "the mask") -> Tensor:
    """Return masks (B, h, w) of a picture as masks of the whole canvas, (B, 1, H, W), 0..1. They are resized to cover
    the picture as an image would be, and their border pixels are repeated in the margin. The `feather` is the width in
    pixels of a soft edge inside the mask."""
    check_mask(mask, what)
    check_number("feather", feather, 0, min(shape) - 1, "0 is a hard edge, 8 a soft one")
    canvas = F.pad(resize_to_cover(mask[:, None].float().clamp(0, 1), shape), (margin,) * 4, mode="replicate")
    if not bool((canvas.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
        raise ValueError(
            f"nothing of {what} is left when it is resized to cover the picture, {shape[1]} x {shape[0]}, and cut to "
            "it: give it the aspect of the picture, or paint more, nearer to the middle"
        )
    return feather_mask(canvas, feather, what) if feather else canvas


def feather_mask(mask: Tensor, feather: int, what: str = "the mask") -> Tensor:
    """Return masks (B, 1, H, W) that rise from 0 at the edge of the given masks to 1 about `feather` pixels inside."""
    blurred = _blur(mask, feather)
    # The blurred mask is one half at a straight edge, and more inside the edge.
    soft = (2 * blurred - 1).clamp(0, 1) * mask
    if not bool((soft.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
        raise ValueError(f"{what} is too thin for a feather of {feather} pixels: lower feather, or paint more")
    return soft


_MOST_PRODUCTS, _PART = 6 * 10**9, 2**27
"""How many multiplications on the CPU are made at once in a blur with a square kernel (up to 2 s), and in each part of
a larger blur along rows and then along columns."""


@without_autocast()
def _blur(mask: Tensor, feather: int) -> Tensor:
    """Return a mask (B, 1, H, W) blurred by a Gaussian of deviation `feather` / 2, cut off at `feather` pixels."""
    from torchvision.transforms.functional import gaussian_blur  # It takes two seconds to load.

    size = 2 * feather + 1
    if mask.device.type != "cpu" or mask.numel() * size**2 <= _MOST_PRODUCTS:
        return gaussian_blur(mask, [size, size], [feather / 2, feather / 2])
    # The same up to rounding. With a square kernel, a wide feather on a large mask would take hours.
    across = torch.linspace(-feather, feather, size, dtype=torch.float32, device="cpu")
    kernel = across.div(feather / 2).square().mul(-0.5).exp()
    row = (kernel / kernel.sum()).expand(1, 1, 1, size)
    padded = F.pad(mask, (feather,) * 4, mode="reflect")
    across = _convolve(padded, row)
    return _convolve(across.mT, row).mT


def _convolve(mask: Tensor, row: Tensor) -> Tensor:
    """Return a mask convolved with a kernel of one row; a few rows of the mask are computed at a time."""
    count = max(1, _PART // (len(mask) * mask.shape[3] * row.shape[3]))
    return torch.cat([F.conv2d(part.contiguous(), row) for part in pausing(mask.split(count, dim=2))], dim=2)


def find_boxes(mask: Tensor) -> list[Box]:
    """Return for each mask (B, 1, H, W) the smallest box around its pixels above 1/255, of which it must have one."""
    found = []
    for one in pausing((mask[:, 0] > FAINTEST_MASK).cpu()):
        rows, columns = one.any(dim=1).nonzero(), one.any(dim=0).nonzero()
        top, left = int(rows[0]), int(columns[0])
        found.append((top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left))
    return found


def mean_square(values: Tensor, mask: Tensor | None = None, *, as_one: bool = False) -> Tensor:
    """Return the mean square of each channel of values (B, C, H, W), weighted by a mask (B or 1, 1, H, W) if given. It
    has the shape (B, C, 1, 1), or (1, C, 1, 1) if it is taken over all items together (`as_one`)."""
    if as_one:
        # One item at a time: allocating memory for the squares of all items would take longer than computing them.
        parts = [
            mean_square(one[None], None if mask is None else mask[place % len(mask)][None])
            for place, one in enumerate(values)
        ]
        # The mean over all items is the mean of their means, each weighted by the sum of its mask, if any.
        shares = torch.ones_like(parts[0]) if mask is None else mask.sum(dim=(2, 3), keepdim=True)
        total = shares.expand(len(values), -1, -1, -1).sum(dim=0, keepdim=True)
        return (torch.cat(parts) * shares).sum(dim=0, keepdim=True) / total
    if mask is None:
        return values.square().mean(dim=(2, 3), keepdim=True)
    return (values.square() * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True)
