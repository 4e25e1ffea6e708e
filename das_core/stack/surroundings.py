"""The picture that surrounds a stack which fills only a part of it, as in inpainting."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.devices import send_to_device


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The picture around a stack: the stack shows where the mask is 1, this picture everywhere else.

    `ImageStack.place_into` makes them.

    Args:
        pixels: the picture over the whole canvas, (B, 3, H, W), 0..1.
        mask: (B, 1, H, W), 0..1: 1 where the stack shows, 0 where the picture is kept bit for bit.

    Example:
        >>> import torch
        >>> from das_core.stack import Surroundings
        >>> white, black = torch.ones(1, 3, 1, 3), torch.zeros(1, 3, 1, 3)
        >>> surroundings = Surroundings(white, mask=torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3))
        >>> surroundings.composite(black)[0, 0]
        tensor([[1.0000, 0.7500, 0.0000]])
    """

    pixels: Tensor
    mask: Tensor

    def composite(self, shown: Tensor) -> Tensor:
        """Put the picture around the pixels of a stack.

        Args:
            shown: what the stack shows, (B, 3, H, W), 0..1, margins included.

        Returns:
            Pixels (B, 3, H, W), 0..1: the stack's where the mask is 1, the picture's where it is 0, a mixture between.
        """
        # Exact at both ends: lerp returns its first argument at 0 and its second at 1.
        return torch.lerp(self.pixels, shown, self.mask)

    def select(self, images: Sequence[int]) -> "Surroundings":
        """Return the surroundings of some images of the batch, by their numbers."""
        numbers = send_to_device(torch.tensor(images), self.mask.device)
        return Surroundings(self.pixels.index_select(0, numbers), self.mask.index_select(0, numbers))

    def to(self, device: torch.device) -> "Surroundings":
        """Return the same surroundings on another device."""
        return Surroundings(self.pixels.to(device), self.mask.to(device))
