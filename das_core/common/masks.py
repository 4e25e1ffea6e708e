"""Masks over a canvas: what of a picture may change, and where to look for it. All masks are 0 (kept) to 1 (made)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from .geometry import Box, Shape
from .images import resize_to_cover

SMALLEST_REGION = 16
"""A model is shown at least that many pixels of a canvas on each side; fewer hold nothing to recognise."""

# A step of an 8-bit mask: less than that comes of resizing.
_NOTHING = 1 / 255


def check_mask(mask: Tensor, what: str = "the mask") -> Tensor:
    """The mask (B, h, w), if it is one and something is painted in it; otherwise a ValueError about `what` it is."""
    if mask.ndim != 3 or 0 in mask.shape:
        raise ValueError(f"{what} has the shape {tuple(mask.shape)}; [batch, height, width] is needed")
    if not bool(torch.isfinite(mask).all()):
        raise ValueError(f"{what} holds values that are NaN or infinite; every value must lie in 0..1")
    for item, most in enumerate(mask.amax(dim=(1, 2)).tolist()):
        if most <= _NOTHING:
            which = what if len(mask) == 1 else f"{what} number {item + 1}"
            raise ValueError(
                f"{which} has no pixel above 0, so nothing could change: paint what is to be made, or invert the mask"
            )
    return mask


def canvas_mask(mask: Tensor, shape: Shape, margin: int, feather: int = 0, what: str = "the mask") -> Tensor:
    """A mask (B, h, w) of any size over a canvas (B, 1, H, W): covers a picture of `shape`, as an image would.

    What touches the edge of the picture goes on into the margin. `feather` softens the edge over that many pixels,
    inward only, so that nothing outside the mask changes.

    Raises:
        ValueError: not a mask, nothing is painted in it, feather too wide, or nothing is left of it.
    """
    check_mask(mask, what)
    if not 0 <= feather < min(shape):
        raise ValueError(f"feather {feather} is not between 0 (a hard edge) and {min(shape) - 1}; 8 is soft")
    canvas = F.pad(resize_to_cover(mask[:, None].float().clamp(0, 1), shape), (margin,) * 4, mode="replicate")
    if not bool((canvas.amax(dim=(1, 2, 3)) > _NOTHING).all()):
        raise ValueError(
            f"nothing of {what} is left when it is resized to cover the picture, {shape[1]} x {shape[0]}, and cut to "
            "it: give it the aspect of the picture, or paint more, nearer to the middle"
        )
    return feather_mask(canvas, feather, what) if feather else canvas


def feather_mask(mask: Tensor, feather: int, what: str = "the mask") -> Tensor:
    """A mask (B, 1, H, W) that rises from 0 at its edge to 1 about `feather` pixels inside of it."""
    blurred = gaussian_blur(mask, [2 * feather + 1, 2 * feather + 1], [feather / 2, feather / 2])
    # At a straight edge the blur is a half: what is above that lies inside.
    soft = (2 * blurred - 1).clamp(0, 1) * mask
    if not bool((soft.amax(dim=(1, 2, 3)) > _NOTHING).all()):
        raise ValueError(f"{what} is too thin for a feather of {feather} pixels: lower feather, or paint more")
    return soft


def find_boxes(mask: Tensor) -> list[Box]:
    """The smallest box around every mask (B, 1, H, W)."""
    found = []
    for one in (mask[:, 0] > _NOTHING).cpu():
        rows, columns = one.any(dim=1).nonzero(), one.any(dim=0).nonzero()
        top, left = int(rows[0]), int(columns[0])
        found.append((top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left))
    return found


def unite_masks(masks: Sequence[Tensor]) -> Tensor:
    """Where any of some masks (B or 1, 1, H, W) is above 0, as much as the highest is."""
    union = masks[0]
    for mask in masks[1:]:
        union = torch.maximum(union, mask)
    return union


def mean_square(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean square (B, C, 1, 1) of values (B, C, H, W), of those under a mask (B, 1, H, W) if there is one."""
    if mask is None:
        return values.square().mean(dim=(2, 3), keepdim=True)
    return (values.square() * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True)
