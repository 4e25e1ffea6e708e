"""Where on the canvas objectives act: what may move for them, and where their views are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .masks import SMALLEST_REGION, Box, boxes, canvas_mask, united, with_context, within
from .stack import ImageStack


@dataclass(frozen=True)
class Place:
    """A mask (B, 1, H, W) of what moves, and a box for each image where views are drawn; None for everywhere."""

    mask: Tensor | None = None
    boxes: tuple[Box, ...] | None = None

    def to(self, device: torch.device) -> "Place":
        """The same on another device."""
        return Place(None if self.mask is None else self.mask.to(device), self.boxes)

    def confined(self, values: Tensor) -> Tensor:
        """Values (B, C, H, W) where they count, 0 elsewhere."""
        return values if self.mask is None else values * self.mask


def place_of(regions: Sequence[Tensor], stack: ImageStack, reach: Box, *, viewed: bool = True) -> Place:
    """Where what is asked under some region masks (B or 1, h, w) acts: in all of them, and in the stack's own mask.

    Views (unless not `viewed`) lie in the box around a region; around the stack's own mask they take in what
    surrounds it. `reach` is as far as views may go.

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
        return Place()
    mask = math.prod(masks[1:], start=masks[0]).expand(stack.batch, -1, -1, -1)
    for item, empty in enumerate((mask.amax(dim=(1, 2, 3)) <= 0).tolist()):
        if empty:
            raise ValueError(
                f"the region has no pixel in common with what may change in image {item + 1}: move the region into "
                "the mask of the stack, or into the other region"
            )
    if not viewed:
        return Place(mask)
    around = boxes(mask)
    if not regions:
        return Place(mask, tuple(with_context(box, reach) for box in around))
    cut = tuple(within(box, reach) for box in around)
    for item, (_, _, height, width) in enumerate(cut):
        if min(height, width) < SMALLEST_REGION:
            raise ValueError(
                f"the region is {width} x {height} pixels in image {item + 1}, too small to be looked at: at least "
                f"{SMALLEST_REGION} a side are needed; paint a larger one, or make the picture larger"
            )
    return Place(mask, cut)


def anywhere(places: Sequence[Place]) -> Tensor | None:
    """The mask (B, 1, H, W) of what moves for any of them; None for everywhere."""
    masks = [place.mask for place in places if place.mask is not None]
    return united(masks) if len(masks) == len(places) else None
