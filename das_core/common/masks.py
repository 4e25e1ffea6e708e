"""Masks over a canvas, which say what may change: 0 where the picture is kept, 1 where it may change fully."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import Box, Shape
from .images import resize_to_cover
from .interruption import pausing

SMALLEST_REGION = 16
"""The smallest side, in pixels, of a region of a canvas that a model is shown; a smaller region shows nothing that a
model could recognise."""

# One step of an 8-bit mask: smaller values come from resizing, and were not painted.
FAINTEST_MASK = 1 / 255


def check_mask(mask: Tensor, what: str = "the mask") -> Tensor:
    """Return a mask as it is (detached if it requires a gradient), or raise an error that says what is wrong with it.

    Args:
        mask: the masks to check, (B, h, w); each must have a pixel above 1/255.
        what: what error messages call the mask, such as "the region".

    Raises:
        ValueError: when the shape is not that of a batch of masks, values are NaN or infinite, or a mask has no such
            pixel.
    """
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
    """Return a mask of a picture as a mask of the whole canvas.

    The mask is resized to cover the picture, in the same way as an image, so that mask and image stay aligned. The
    border pixels of the mask are repeated in the margin: an area that touches the edge of the picture continues there.

    Args:
        mask: (B, h, w) of any size, clipped to 0..1.
        shape: height and width of the picture in pixels, without margins.
        margin: pixels on each side of the picture.
        feather: the width, in pixels, of the soft edge, which lies inside the mask; 0 leaves the edge as it is. Outside
            the mask, values stay 0.
        what: what error messages call the mask, such as "the region".

    Returns:
        A mask (B, 1, H, W) of the canvas, 0..1.

    Raises:
        ValueError: when `mask` is not a mask; it has no pixel above 1/255 before or after it is cropped to the picture;
            it is too thin for `feather`; or `feather` is negative, or not below the short side of the picture.

    Example:
        >>> from das_core.common.masks import canvas_mask
        >>> mask = torch.zeros(1, 4, 4)
        >>> mask[:, :, :2] = 1
        >>> canvas_mask(mask, (4, 4), margin=1)[0, 0, 0]
        tensor([1., 1., 1., 0., 0., 0.])
    """
    check_mask(mask, what)
    if not 0 <= feather < min(shape):
        raise ValueError(f"feather {feather} is not between 0 (a hard edge) and {min(shape) - 1}; 8 is soft")
    canvas = F.pad(resize_to_cover(mask[:, None].float().clamp(0, 1), shape), (margin,) * 4, mode="replicate")
    if not bool((canvas.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
        raise ValueError(
            f"nothing of {what} is left when it is resized to cover the picture, {shape[1]} x {shape[0]}, and cut to "
            "it: give it the aspect of the picture, or paint more, nearer to the middle"
        )
    return feather_mask(canvas, feather, what) if feather else canvas


def feather_mask(mask: Tensor, feather: int, what: str = "the mask") -> Tensor:
    """Return a mask that rises from 0 at the edge of the given mask to 1 about `feather` pixels inside this edge.

    Args:
        mask: (B, 1, H, W), 0..1.
        feather: pixels, at least 1 and less than the sides of the mask.
        what: what the error message calls the mask.

    Returns:
        A mask (B, 1, H, W), nowhere above the given mask.

    Raises:
        ValueError: when a mask has no pixel above 1/255 left.
    """
    blurred = _blur(mask, feather)
    # The blurred mask is one half at a straight edge, and more inside the edge.
    soft = (2 * blurred - 1).clamp(0, 1) * mask
    if not bool((soft.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
        raise ValueError(f"{what} is too thin for a feather of {feather} pixels: lower feather, or paint more")
    return soft


_MOST_PRODUCTS, _PART = 6 * 10**9, 2**27
"""Numbers of multiplications of a blur on the CPU. A blur of up to `_MOST_PRODUCTS` multiplications is computed as one
convolution with a square kernel, which takes up to 2 s. A larger blur is computed along rows and then along columns, in
parts of about `_PART` multiplications, each of which takes some hundredths of a second."""


def _blur(mask: Tensor, feather: int) -> Tensor:
    """Return a mask (B, 1, H, W) blurred by a Gaussian of deviation `feather` / 2, cut off at `feather` pixels."""
    from torchvision.transforms.functional import gaussian_blur  # It takes two seconds to load.

    size = 2 * feather + 1
    if mask.device.type != "cpu" or mask.numel() * size**2 <= _MOST_PRODUCTS:
        return gaussian_blur(mask, [size, size], [feather / 2, feather / 2])
    # Blurring rows and then columns gives the same up to rounding. With a square kernel, a wide feather on a large mask
    # would take hours.
    kernel = torch.linspace(-feather, feather, size, dtype=torch.float32).div(feather / 2).square().mul(-0.5).exp()
    row = (kernel / kernel.sum()).expand(1, 1, 1, size)
    padded = F.pad(mask, (feather,) * 4, mode="reflect")
    across = _convolve(padded, row)
    return _convolve(across.mT, row).mT


def _convolve(mask: Tensor, row: Tensor) -> Tensor:
    """Return a mask convolved with a kernel of one row; a few rows of the mask are computed at a time."""
    count = max(1, _PART // (len(mask) * mask.shape[3] * row.shape[3]))
    return torch.cat([F.conv2d(part.contiguous(), row) for part in pausing(mask.split(count, dim=2))], dim=2)


def find_boxes(mask: Tensor) -> list[Box]:
    """Return for each mask the smallest box (top, left, height, width) around its pixels above 1/255.

    Args:
        mask: B masks (B, 1, H, W), 0..1; each must have a pixel above 1/255.

    Example:
        >>> from das_core.common.masks import find_boxes
        >>> mask = torch.zeros(1, 1, 8, 8)
        >>> mask[:, :, 2:5, 3:4] = 1
        >>> find_boxes(mask)
        [(2, 3, 3, 1)]
    """
    found = []
    for one in pausing((mask[:, 0] > FAINTEST_MASK).cpu()):
        rows, columns = one.any(dim=1).nonzero(), one.any(dim=0).nonzero()
        top, left = int(rows[0]), int(columns[0])
        found.append((top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left))
    return found


def unite_masks(masks: Sequence[Tensor]) -> Tensor:
    """Return the union of masks: at each pixel the largest of their values.

    Args:
        masks: at least one mask (B or 1, 1, H, W), 0..1.

    Returns:
        A mask (B, 1, H, W), 0..1; its batch size is 1 if that of all masks is 1.
    """
    union = masks[0]
    for mask in masks[1:]:
        union = torch.maximum(union, mask)
    return union


def mean_square(values: Tensor, mask: Tensor | None = None, *, as_one: bool = False) -> Tensor:
    """Return the mean square of each channel, for each item of a batch or over all items together.

    Args:
        values: (B, C, H, W).
        mask: weights (B or 1, 1, H, W) of the mean; if None, all values have the same weight.
        as_one: whether the mean is taken over all items together, such as over the frames of a film.

    Returns:
        Mean squares (B, C, 1, 1), or (1, C, 1, 1) if `as_one` is True.

    Example:
        >>> from das_core.common.masks import mean_square
        >>> values = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
        >>> float(mean_square(values)), float(mean_square(values, torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)))
        (5.0, 9.0)
    """
    if as_one:
        # One item at a time: allocating memory for the squares of all items would take longer than computing them.
        parts = [
            mean_square(one[None], None if mask is None else mask[place % len(mask)][None])
            for place, one in enumerate(values)
        ]
        # The mean over all items is the mean of their means, each weighted by the sum of its mask, if any.
        shares = torch.ones_like(parts[0]) if mask is None else mask.sum(dim=(2, 3), keepdim=True)
        return (torch.cat(parts) * shares).sum(dim=0, keepdim=True) / shares.expand(len(values), -1, -1, -1).sum(
            dim=0, keepdim=True
        )
    if mask is None:
        return values.square().mean(dim=(2, 3), keepdim=True)
    return (values.square() * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True)
