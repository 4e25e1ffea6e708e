"""Masks over a canvas, which say what may change: 0 where the picture is kept, 1 where it may change fully."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import Box, Shape
from .images import resize_to_cover
from .interruption import pausing

SMALLEST_REGION = 16
"""The smallest side in pixels of what a model is shown of a canvas; anything smaller holds nothing to recognise."""

# One step of an 8-bit mask: smaller values come from resizing, not from what was painted.
FAINTEST_MASK = 1 / 255


def check_mask(mask: Tensor, what: str = "the mask") -> Tensor:
    """Return a mask as it is, or raise an error that says what is wrong with it.

    Args:
        mask: what should be masks (B, h, w), each of which has a pixel above 0.
        what: what it is to the user, such as "the region", for the error.

    Raises:
        ValueError: when the shape is not that of a batch of masks, values are NaN or infinite, or a mask is empty.
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
    return mask


def canvas_mask(mask: Tensor, shape: Shape, margin: int, feather: int = 0, what: str = "the mask") -> Tensor:
    """Return a mask of a picture as a mask of the whole canvas.

    The mask is resized to cover the picture, as an image is, so that both stay aligned. Its border pixels are repeated
    in the margin: what touches the edge of the picture continues beyond it.

    Args:
        mask: (B, h, w) of any size, clipped to 0..1.
        shape: height and width of the picture in pixels, without margins.
        margin: pixels on each side of the picture.
        feather: how many pixels wide the soft edge of the mask is, inside of it; 0 leaves the edge as it is. Outside
            the mask nothing changes.
        what: what the mask is to the user, such as "the region", for errors.

    Returns:
        A mask (B, 1, H, W) of the canvas, 0..1.

    Raises:
        ValueError: when it is not a mask, is empty before or after it is cut to the picture, or is too thin for
            `feather`, or when `feather` is negative or as wide as the picture.

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
    """Return a mask that rises from 0 at its edge to 1 about `feather` pixels inside of it.

    Args:
        mask: (B, 1, H, W), 0..1.
        feather: pixels, at least 1 and less than the sides of the mask.
        what: what the mask is to the user, for the error.

    Returns:
        A mask (B, 1, H, W), nowhere above the given one.

    Raises:
        ValueError: when nothing is left of a mask.
    """
    blurred = _blur(mask, feather)
    # On a straight edge the blurred mask is one half, inside of it more.
    soft = (2 * blurred - 1).clamp(0, 1) * mask
    if not bool((soft.amax(dim=(1, 2, 3)) > FAINTEST_MASK).all()):
        raise ValueError(f"{what} is too thin for a feather of {feather} pixels: lower feather, or paint more")
    return soft


_MOST_PRODUCTS, _PART = 6 * 10**9, 2**27
"""How many multiplications a blur by one convolution may have (2 s), and each part of a blur by rows and columns (some
hundredths of a second)."""


def _blur(mask: Tensor, feather: int) -> Tensor:
    """Return a mask (B, 1, H, W) blurred by a Gaussian of half a feather, which reaches `feather` pixels far."""
    from torchvision.transforms.functional import gaussian_blur  # It takes two seconds to load.

    size = 2 * feather + 1
    if mask.device.type != "cpu" or mask.numel() * size**2 <= _MOST_PRODUCTS:
        return gaussian_blur(mask, [size, size], [feather / 2, feather / 2])
    # By rows and columns, the same up to rounding: with a kernel of both, a wide feather of a large mask takes hours.
    kernel = torch.linspace(-feather, feather, size).div(feather / 2).square().mul(-0.5).exp()
    row = (kernel / kernel.sum()).expand(1, 1, 1, size)
    padded = F.pad(mask, (feather,) * 4, mode="reflect")
    across = _convolve(padded, row)
    return _convolve(across.mT, row).mT


def _convolve(mask: Tensor, row: Tensor) -> Tensor:
    """Return a mask convolved with a row, some of its rows at a time."""
    count = max(1, _PART // (len(mask) * mask.shape[3] * row.shape[3]))
    return torch.cat([F.conv2d(part.contiguous(), row) for part in pausing(mask.split(count, dim=2))], dim=2)


def find_boxes(mask: Tensor) -> list[Box]:
    """Return the smallest box around what is painted in each mask.

    Args:
        mask: (B, 1, H, W), 0..1, each with a pixel above 1/255.

    Example:
        >>> from das_core.common.masks import find_boxes
        >>> mask = torch.zeros(1, 1, 8, 8)
        >>> mask[:, :, 2:5, 3:4] = 1
        >>> find_boxes(mask)
        [(2, 3, 3, 1)]
    """
    found = []
    for one in (mask[:, 0] > FAINTEST_MASK).cpu():
        rows, columns = one.any(dim=1).nonzero(), one.any(dim=0).nonzero()
        top, left = int(rows[0]), int(columns[0])
        found.append((top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left))
    return found


def unite_masks(masks: Sequence[Tensor]) -> Tensor:
    """Return the union of masks: at each pixel the largest of their values.

    Args:
        masks: at least one mask (B or 1, 1, H, W), 0..1.

    Returns:
        A mask (B, 1, H, W), 0..1; B is 1 if it is 1 for all masks.
    """
    union = masks[0]
    for mask in masks[1:]:
        union = torch.maximum(union, mask)
    return union


def mean_square(values: Tensor, mask: Tensor | None = None, *, as_one: bool = False) -> Tensor:
    """Return the mean square of each channel of each item, or of all items together.

    Args:
        values: (B, C, H, W).
        mask: weights (B, 1, H, W) of the mean; every value counts alike if None.
        as_one: whether the mean is over all items, as over the frames of a film.

    Returns:
        Mean squares (B, C, 1, 1), or (1, C, 1, 1) of all items together.

    Example:
        >>> from das_core.common.masks import mean_square
        >>> values = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
        >>> float(mean_square(values)), float(mean_square(values, torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)))
        (5.0, 9.0)
    """
    if as_one:
        # One item after the other: room for the squares of all would take longer to get than to fill.
        parts = [
            mean_square(one[None], None if mask is None else mask[place % len(mask)][None])
            for place, one in enumerate(values)
        ]
        shares = torch.ones_like(parts[0]) if mask is None else mask.sum(dim=(2, 3), keepdim=True)
        return (torch.cat(parts) * shares).sum(dim=0, keepdim=True) / shares.expand(len(values), -1, -1, -1).sum(
            dim=0, keepdim=True
        )
    if mask is None:
        return values.square().mean(dim=(2, 3), keepdim=True)
    return (values.square() * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True)
