"""An image pyramid: canvases at full and at reduced resolution, from which many views are cut.

A window of 1,000 pixels that becomes a view of 224 is cut from a canvas of half the resolution (Burt and Adelson,
1983): a quarter of the work, with an error of about 1/255.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.interruption import allow_interrupt, pausing
from .sampling import Window, crop_and_resize, resize_adjoint

LEAST_SHRINKING = 1.5
"""A canvas of reduced resolution is used for a window only if the side of the window, in pixels of this canvas, is at
least this factor times the side of the view. With a smaller factor, views would lose detail."""


def choose_reduction(side: int, size: int) -> int:
    """Return the factor by which the resolution of the canvas is reduced for a window: a power of 2, mostly 1."""
    reduction = 1
    while side >= 2 * reduction * LEAST_SHRINKING * size:
        reduction *= 2
    return reduction


class Pyramid:
    """Canvases (B, C, H, W), float32, at several resolutions, from which views are cut; `items` are their numbers in
    `crop`.

    A canvas of lower resolution is made when a window first needs it. The gradient of a view is added at the canvas
    that the view was cut from; `take_gradient` resizes and sums these gradients once for all views, with the same bits
    on every run. If gradients are wanted, `pixels` must be a leaf of the autograd graph.
    """

    def __init__(self, pixels: Tensor, items: Sequence[int] | None = None) -> None:
        self.pixels, self.items = pixels, range(len(pixels)) if items is None else items
        self._places = {item: place for place, item in enumerate(self.items)}
        # The keys are pairs: the factor by which the resolution is reduced, and the place of the canvas in `pixels`.
        self._leaves: dict[tuple[int, int], Tensor] = {}
        self._reduced: dict[int, Tensor] = {1: pixels.detach()}

    @property
    def device(self) -> torch.device:
        """The device of the pixels."""
        return self.pixels.device

    @property
    def leaves(self) -> list[Tensor]:
        """The tensors in whose `.grad` autograd sums gradients: the pixels, and canvases that views were cut from."""
        return [self.pixels, *self._leaves.values()]

    def crop(self, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
        """Return windows of the canvases named by `items`, resized to views (V, C, size, size)."""
        places = [self._places[item] for item in items]
        sources = [(choose_reduction(side, size), place) for (_, _, side), place in zip(windows, places, strict=True)]
        views: dict[int, Tensor] = {}
        for source in sorted(set(sources)):
            reduction = source[0]
            numbers = [number for number, chosen in enumerate(sources) if chosen == source]
            canvas = self._find_leaf(*source)
            height, width = canvas.shape[2:]
            squares = [
                (top // reduction % height, left // reduction % width, side // reduction)
                for top, left, side in (windows[number] for number in numbers)
            ]
            cut = crop_and_resize(canvas, squares, [0] * len(numbers), size)
            if len(numbers) == len(windows):
                return cut
            views.update(zip(numbers, cut, strict=True))
        return torch.stack([views[number] for number in range(len(windows))])

    def take_gradient(self) -> Tensor:
        """Return the gradient at the pixels, (B, C, H, W), from all views since the last call, and clear it."""
        total = torch.zeros_like(self.pixels, requires_grad=False) if self.pixels.grad is None else self.pixels.grad
        self.pixels.grad = None
        shape = self.pixels.shape[2], self.pixels.shape[3]
        for (reduction, place), leaf in pausing(sorted(self._leaves.items(), key=lambda pair: pair[0])):
            if leaf.grad is not None:
                total[place] += leaf.grad[0] if reduction == 1 else resize_adjoint(leaf.grad[0], shape)
                leaf.grad = None
        return total

    def _find_leaf(self, reduction: int, place: int) -> Tensor:
        """Return one canvas of the batch, (1, C, h, w), reduced to 1 / `reduction` of its resolution."""
        if reduction == 1 and len(self.pixels) == 1:
            return self.pixels
        if (reduction, place) not in self._leaves:
            if reduction not in self._reduced:
                allow_interrupt()
                height, width = self.pixels.shape[2:]
                size = height // reduction, width // reduction
                self._reduced[reduction] = F.interpolate(
                    self.pixels.detach(), size=size, mode="bilinear", antialias=True
                )
            leaf = self._reduced[reduction][place : place + 1].detach()
            self._leaves[reduction, place] = leaf.requires_grad_(self.pixels.requires_grad)
        return self._leaves[reduction, place]
