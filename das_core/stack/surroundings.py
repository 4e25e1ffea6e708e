"""The picture that surrounds a stack, as in inpainting: the stack fills only the part of it under a mask."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.images import Images, check_images, place_on_canvas
from ..common.masks import canvas_mask, check_mask
from .spec import StackSpec


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The picture (B, 3, H, W), 0..1, around a stack, which shows where the mask (B, 1, H, W) is 0; the stack where it
    is 1.
    """

    pixels: Tensor
    mask: Tensor

    def composite(self, shown: Tensor) -> Tensor:
        """Put the picture around the pixels of a stack, (B, 3, H, W), 0..1."""
        # Exact at both ends: lerp returns its first argument at 0 and its second at 1.
        return torch.lerp(self.pixels, shown, self.mask)

    def select(self, images: Sequence[int]) -> "Surroundings":
        """Return the surroundings of some images of the batch, given the indices of these images."""
        numbers = send_to_device(torch.tensor(images), self.mask.device)
        return Surroundings(self.pixels.index_select(0, numbers), self.mask.index_select(0, numbers))

    def to(self, device: torch.device) -> "Surroundings":
        """Return the same surroundings on another device."""
        return Surroundings(self.pixels.to(device), self.mask.to(device))


def make_surroundings(spec: StackSpec, stacks: int, image: Images, mask: Tensor, feather: int = 0) -> Surroundings:
    """Return the surroundings of a stack, made of an image and a mask, see `ImageStack.place_into`."""
    image = check_images(image, "the image around the mask")
    batch = max(stacks, len(image), len(check_mask(mask)))
    if spec.zoom is not None:
        raise ValueError("a zoom is no part of a picture, for it has pictures in it; leave the mask out")
    if spec.time is not None:
        batch = stacks
    for what, count in (("images", len(image)), ("masks", len(mask)), ("stacks", stacks)):
        if count not in (1, batch):
            raise ValueError(f"{count} {what} do not go with a batch of {batch}: use 1 or {batch}")
    shape = (spec.height, spec.width)
    pixels = place_on_canvas(image, shape, spec.margin).expand(batch, -1, -1, -1)
    return Surroundings(pixels, canvas_mask(mask, shape, spec.margin, feather).expand(batch, -1, -1, -1))
