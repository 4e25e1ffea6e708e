"""Masked stacks: each shows only what lies under a mask; a photograph of random pixels surrounds the mask."""

import torch
from torch import Tensor

from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

HEIGHT, WIDTH, MARGIN = 40, 48, 8

SPEC = StackSpec(WIDTH, HEIGHT, MARGIN)

VIEWS = Augmentation(4, Windows(8))


def photograph(height: int = HEIGHT, width: int = WIDTH, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))


def square(top: int = 10, left: int = 12, side: int = 20) -> Tensor:
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def part(image: Tensor | None = None, mask: Tensor | None = None, feather: int = 0) -> ImageStack:
    """Return a masked stack that starts from an image; by default, from a photograph and with a square mask."""
    shown = photograph() if image is None else image
    return ImageStack.from_image(SPEC, shown).place_into(shown, square() if mask is None else mask, feather)
