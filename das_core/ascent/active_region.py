"""The part of the canvas where objectives act: where their gradient counts, and where their views are cut out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.geometry import Box, add_context, intersect_boxes
from ..common.masks import FAINTEST_MASK, SMALLEST_REGION, canvas_mask, find_boxes, unite_masks
from ..stack.image_stack import ImageStack
from .spreading import select_images


@dataclass(frozen=True)
class ActiveRegion:
    """The part of a canvas where some objectives act.

    Args:
        mask: the factor of the gradient at every pixel, (B, 1, H, W), 0..1; None if the factor is 1 everywhere.
        boxes: for every image the box that its views must lie in; None if they may lie anywhere in `Windows.reach`, or
            if there are no views.
    """

    mask: Tensor | None = None
    boxes: tuple[Box, ...] | None = None

    def to(self, device: torch.device) -> "ActiveRegion":
        """Return the same region on another device."""
        return ActiveRegion(None if self.mask is None else self.mask.to(device), self.boxes)

    def select(self, images: Sequence[int] | None) -> "ActiveRegion":
        """Return the region for some images of the batch, given their indices, or for all images if None.

        Only the mask is selected, so use only the mask of the result: its boxes can be None even if this region has
        boxes.
        """
        if images is None or self.mask is None or len(self.mask) == 1:
            return self
        return ActiveRegion(select_images(self.mask, images))

    def restrict(self, values: Tensor) -> Tensor:
        """Return values (B, C, H, W) multiplied by the mask, if there is one."""
        return values if self.mask is None else values * self.mask


def active_region(regions: Sequence[Tensor], stack: ImageStack, reach: Box, *, viewed: bool = True) -> ActiveRegion:
    """Return where the objectives of a group act: the product of their region masks and of the mask of the stack.

    If there are region masks, views must lie in the box around the product, cut to `reach`. If there is only the mask
    of the stack, views must lie in a square around the mask that is larger than the mask, so that they also show its
    surroundings. If there is no mask, the objectives act everywhere.

    Args:
        regions: the region masks, (B or 1, h, w), 0..1, of any size.
        stack: the stack of the ascent.
        reach: the part of the canvas that views may show.
        viewed: whether the objectives have a judge, which sees views. Objectives without a judge have no views, so the
            result has no boxes, and the region may be of any size.

    Raises:
        ValueError: when a region mask is no mask, is empty or lies outside the picture; when it has neither one image
            nor one for each image of the stack; when the masks have no pixel in common; or when the region is too small
            for views.
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
    for item, empty in enumerate((mask.amax(dim=(1, 2, 3)) <= FAINTEST_MASK).tolist()):
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
    """Return the mask of the pixels where at least one group of objectives acts.

    Args:
        regions: where every group of objectives acts.

    Returns:
        The largest value of all masks at every pixel, (B, 1, H, W), 0..1; None if one of the groups acts everywhere.
    """
    masks = [region.mask for region in regions if region.mask is not None]
    return unite_masks(masks) if len(masks) == len(regions) else None
