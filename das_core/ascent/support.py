"""Where on the canvas objectives act: what may move for them, and where their views are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.geometry import Box, add_context, intersect_boxes
from ..common.masks import SMALLEST_REGION, canvas_mask, find_boxes, unite_masks
from ..stack.image_stack import ImageStack


@dataclass(frozen=True)
class ActiveRegion:
    """The part of a canvas where some objectives act.

    Args:
        mask: (B, 1, H, W), 0..1, of what may move for them; None for everywhere.
        boxes: for each image the box that views are drawn in; None for everywhere.
    """

    mask: Tensor | None = None
    boxes: tuple[Box, ...] | None = None

    def to(self, device: torch.device) -> "ActiveRegion":
        """Return the same region on another device."""
        return ActiveRegion(None if self.mask is None else self.mask.to(device), self.boxes)

    def restrict(self, values: Tensor) -> Tensor:
        """Return values (B, C, H, W) where the mask lets them move, and 0 elsewhere."""
        return values if self.mask is None else values * self.mask


def active_region(regions: Sequence[Tensor], stack: ImageStack, reach: Box, *, viewed: bool = True) -> ActiveRegion:
    """Return where objectives under some region masks act: where all of them are, and the stack's own mask is.

    Args:
        regions: masks (B or 1, h, w), 0..1, of any size.
        stack: what climbs.
        reach: the part of the canvas that views may show.
        viewed: whether a judge looks. Its views lie in the box around the region; around the stack's own mask they also
            show what surrounds it. What asks the picture itself has no views and no boxes.

    Raises:
        ValueError: a region is empty, does not fit the batch, is too small to be seen, or misses the stack's mask.
    """
    spec = stack.spec
    masks = [canvas_mask(mask, (spec.height, spec.width), spec.margin, what="the region") for mask in regions]
    for mask in masks:
        if len(mask) not in (1, stack.batch):
            raise ValueError(
                f"{len(mask)} region masks do not go with {stack.batch} images: use one mask for all, or one for each"
            )
    if stack.surroundings is not None:
        masks.append(stack.surroundings.mask.cpu())
    if not masks:
        return ActiveRegion()
    mask = math.prod(masks[1:], start=masks[0]).expand(stack.batch, -1, -1, -1)
    for item, empty in enumerate((mask.amax(dim=(1, 2, 3)) <= 0).tolist()):
        if empty:
            raise ValueError(
                f"the region has no pixel in common with what may change in image {item + 1}: move the region into "
                "the mask of the stack, or into the other region"
            )
    if not viewed:
        return ActiveRegion(mask)
    around = find_boxes(mask)
    if not regions:
        return ActiveRegion(mask, tuple(add_context(box, reach) for box in around))
    cut = tuple(intersect_boxes(box, reach) for box in around)
    for item, (_, _, height, width) in enumerate(cut):
        if min(height, width) < SMALLEST_REGION:
            raise ValueError(
                f"the region is {width} x {height} pixels in image {item + 1}, too small to be looked at: at least "
                f"{SMALLEST_REGION} a side are needed; paint a larger one, or make the picture larger"
            )
    return ActiveRegion(mask, cut)


def union_mask(regions: Sequence[ActiveRegion]) -> Tensor | None:
    """Return the mask (B, 1, H, W) of what may move in any of some regions; None for everywhere."""
    masks = [region.mask for region in regions if region.mask is not None]
    return unite_masks(masks) if len(masks) == len(regions) else None
