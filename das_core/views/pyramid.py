"""Canvases that many views are cut from, at their own resolution and at less.

A window of 1,000 pixels that becomes a view of 224 is cut from a canvas of half the resolution, as the levels of an
image pyramid allow (Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, 1983). All views share that
canvas, so that each costs a quarter. What a view loses is below what a judge can see: about 1 of 255 in a photograph.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from .sampling import Window, crop_and_resize, resize_adjoint

LEAST_SHRINKING = 1.5
"""By how much a window is shrunk at least that is cut from a canvas of less resolution. With less than this, views
would lose detail."""


def choose_reduction(side: int, size: int) -> int:
    """Return by how much the resolution of the canvas is reduced for a window: a power of 2, and 1 for most windows.

    Args:
        side: the side of the window in pixels.
        size: the side of the view in pixels.

    Example:
        >>> from das_core.views.pyramid import choose_reduction
        >>> [choose_reduction(side, 224) for side in (224, 671, 672, 1343, 1344)]
        [1, 1, 2, 2, 4]
    """
    reduction = 1
    while side >= 2 * reduction * LEAST_SHRINKING * size:
        reduction *= 2
    return reduction


class Pyramid:
    """Canvases to cut views from, again and again.

    Canvases of less resolution are made when a window first needs them, and kept. The gradients of all views gather at
    the resolution that each was cut from, and `take_gradient` brings them together once: it costs the same however
    many chunks the views come in, and has the same bits on every run, on CUDA too.

    Args:
        pixels: pixels of canvases (B, C, H, W), float32: a leaf of the autograd graph if gradients are wanted.

    Example:
        >>> import torch
        >>> from das_core.views.pyramid import Pyramid
        >>> pyramid = Pyramid(torch.arange(64.0).reshape(1, 1, 8, 8).requires_grad_())
        >>> view = pyramid.crop(windows=[(0, 0, 8)], items=[0], size=2)
        >>> view.detach()
        tensor([[[[18.1837, 21.1429],
                  [41.8571, 44.8163]]]])
        >>> view.sum().backward()
        >>> pyramid.take_gradient().sum()
        tensor(4.)
    """

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels
        self._levels = {1: pixels}

    @property
    def device(self) -> torch.device:
        """The device of the pixels."""
        return self.pixels.device

    @property
    def leaves(self) -> list[Tensor]:
        """The canvases that gradients gather at: the pixels, and those of less resolution that were needed so far."""
        return list(self._levels.values())

    def crop(self, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
        """Return windows of the canvases, resized to views.

        Windows below three times the side of the views are those of `crop_and_resize` bit for bit. Larger ones may be
        rounded to the pixels of a canvas of less resolution.

        Args:
            windows: the window of each view, not larger than the canvas.
            items: for each view, the number in the batch of the canvas that it is cut from.
            size: the side of the views in pixels.

        Returns:
            Views (V, C, size, size). Gradients flow to the canvases that they are cut from.
        """
        reductions = [choose_reduction(side, size) for _, _, side in windows]
        views: dict[int, Tensor] = {}
        for reduction in sorted(set(reductions)):
            numbers = [number for number, chosen in enumerate(reductions) if chosen == reduction]
            canvases = self._level(reduction)
            height, width = canvases.shape[2:]
            squares = [
                (top // reduction % height, left // reduction % width, side // reduction)
                for top, left, side in (windows[number] for number in numbers)
            ]
            cut = crop_and_resize(canvases, squares, [items[number] for number in numbers], size)
            if len(numbers) == len(windows):
                return cut
            views.update(zip(numbers, cut, strict=True))
        return torch.stack([views[number] for number in range(len(windows))])

    def take_gradient(self) -> Tensor:
        """Return the gradient at the pixels of all that was cut since the last call, (B, C, H, W), and forget it."""
        total = torch.zeros_like(self.pixels, requires_grad=False) if self.pixels.grad is None else self.pixels.grad
        self.pixels.grad = None
        shape = self.pixels.shape[2], self.pixels.shape[3]
        for reduction, level in self._levels.items():
            if reduction > 1 and level.grad is not None:
                for canvas, gradient in pausing(zip(total, level.grad, strict=True)):
                    canvas += resize_adjoint(gradient, shape)
                level.grad = None
        return total

    def _level(self, reduction: int) -> Tensor:
        """Return the canvases at a part of their resolution, a leaf of the autograd graph as the pixels are."""
        if reduction not in self._levels:
            allow_interrupt()
            height, width = self.pixels.shape[2:]
            size = height // reduction, width // reduction
            level = F.interpolate(self.pixels.detach(), size=size, mode="bilinear", antialias=True)
            self._levels[reduction] = level.requires_grad_(self.pixels.requires_grad)
        return self._levels[reduction]
