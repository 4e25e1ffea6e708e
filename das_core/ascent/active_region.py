"""The part of the canvas where objectives act: where their gradient counts, and where their views are cut out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..common.geometry import Box, add_context, intersect_boxes
from ..common.masks import FAINTEST_MASK, SMALLEST_REGION, canvas_mask, find_boxes
from ..common.scalars import check_count
from ..stack.image_stack import ImageStack
from .spreading import select_images


@dataclass(frozen=True)
class ActiveRegion:
    """Where objectives act: a factor of the gradient (B, 1, H, W), 0..1, and a box for the views of every image."""

    mask: Tensor | None = None
    boxes: tuple[Box, ...] | None = None

    def select(self, images: Sequence[int] | None) -> "ActiveRegion":
        """Return the mask of some images of the batch, or of all if None; the boxes are left out."""
        if images is None or self.mask is None or len(self.mask) == 1:
            return self
        return ActiveRegion(select_images(self.mask, images))

    def restrict(self, values: Tensor) -> Tensor:
        """Return values (B, C, H, W) multiplied by the mask, if there is one."""
        return values if self.mask is None else values * self.mask


def active_region(regions: Sequence[Tensor], stack: ImageStack, reach: Box, *, viewed: bool = True) -> ActiveRegion:
    """Return where a group acts: in the product of its region masks (B or 1, h, w) and of the mask of the stack. Views
    lie in the box around the region masks, or in a square around the mask of the stack that is larger, so that they
    also show its surroundings. Groups that are not `viewed`, for lack of a judge, have no boxes."""
    spec, device = stack.spec, stack.canvas.device
    masks = [canvas_mask(mask, (spec.height, spec.width), spec.margin, what="the region") for mask in regions]
    for mask in masks:
        check_count(len(mask), stack.batch, "region masks")
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
        return ActiveRegion(mask.to(device))
    around = find_boxes(mask)
    if not regions:
        return ActiveRegion(mask.to(device), tuple(add_context(box, reach) for box in around))
    cut = tuple(intersect_boxes(box, reach) for box in around)
    for item, (_, _, height, width) in enumerate(cut):
        if min(height, width) < SMALLEST_REGION:
            raise ValueError(
                f"the region is {width} x {height} pixels in image {item + 1}, too small to be looked at: at least "
                f"{SMALLEST_REGION} a side are needed; paint a larger one, or make the picture larger"
            )
    return ActiveRegion(mask.to(device), cut)
