"""Products of matrices, computed in parts, so that a run can be cancelled between two parts (see `interruption`)."""

import torch
from torch import Tensor

from .interruption import allow_interrupt, pausing
from .modes import without_autocast

_MOST_AT_ONCE = 2**33  # Multiplications, which take one core up to a second.


@without_autocast()
def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Return the product of two matrices; on the CPU, large ones are multiplied in blocks, with identical results."""
    allow_interrupt()
    count = max(1, _MOST_AT_ONCE // max(1, right.numel()))
    if len(left) <= count or left.device.type != "cpu":
        return left @ right
    product = left.new_empty(len(left), right.shape[1])
    for part, into in pausing(zip(left.split(count), product.split(count), strict=True)):
        torch.mm(part, right, out=into)
    return product


@without_autocast()
def multiply_both_sides(left: Tensor, images: Tensor, right: Tensor) -> Tensor:
    """Return left @ images (..., H, W) @ right; on the CPU, large images are multiplied by planes, to the same bits."""
    allow_interrupt()
    # How many multiplications `left @ images` and the product of its result and `right` take together.
    work = images.numel() * len(left) + images[..., 0].numel() // images.shape[-2] * len(left) * right.numel()
    if work <= _MOST_AT_ONCE or images.device.type != "cpu":
        return left @ images @ right
    made = images.new_empty(*images.shape[:-2], len(left), right.shape[1])
    for plane, into in zip(images.flatten(0, -3), made.flatten(0, -3), strict=True):
        into.copy_(multiply(multiply(left, plane), right))
    return made
