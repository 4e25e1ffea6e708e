"""Products of matrices, computed in parts, so that a run can be cancelled between two parts (see `interruption`)."""

import torch
from torch import Tensor

from .interruption import allow_interrupt, pausing

_MOST_AT_ONCE = 2**33
"""How many multiplications are done at once, which takes one core up to a second."""


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Return the product of two matrices; on the CPU, large matrices are multiplied in blocks, with identical results.

    Args:
        left: (M, K).
        right: (K, N), of the same type, on the same device.

    Example:
        >>> from das_core.common.products import multiply
        >>> multiply(torch.ones(2, 3), torch.eye(3))
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
    """
    allow_interrupt()
    count = max(1, _MOST_AT_ONCE // max(1, right.numel()))
    if len(left) <= count or left.device.type != "cpu":
        return left @ right
    product = left.new_empty(len(left), right.shape[1])
    for part, into in pausing(zip(left.split(count), product.split(count), strict=True)):
        torch.mm(part, right, out=into)
    return product


def multiply_both_sides(left: Tensor, images: Tensor, right: Tensor) -> Tensor:
    """Return left @ images @ right; on the CPU, large images are multiplied plane by plane, with identical results.

    Args:
        left: (h, H).
        images: planes (H, W), as a tensor (..., H, W) with at least one more axis.
        right: (W, w).

    Returns:
        (..., h, w).

    Example:
        >>> from das_core.common.products import multiply_both_sides
        >>> images = torch.arange(4.0).reshape(1, 2, 2)
        >>> multiply_both_sides(torch.ones(1, 2), images, torch.ones(2, 3))
        tensor([[[6., 6., 6.]]])
    """
    allow_interrupt()
    # How many multiplications `left @ images` and the product of its result and `right` take together.
    work = images.numel() * len(left) + images[..., 0].numel() // images.shape[-2] * len(left) * right.numel()
    if work <= _MOST_AT_ONCE or images.device.type != "cpu":
        return left @ images @ right
    made = images.new_empty(*images.shape[:-2], len(left), right.shape[1])
    for plane, into in zip(images.flatten(0, -3), made.flatten(0, -3), strict=True):
        into.copy_(multiply(multiply(left, plane), right))
    return made
