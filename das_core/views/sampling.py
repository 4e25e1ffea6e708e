"""Cutting windows out of canvases, of several resolutions, and resizing them to views.

The gradients of all views are added up in tensors of the size of the canvases, with the same bits on every run, on CUDA
too. A window of 1,000 pixels that becomes a view of 224 is cut from a canvas of half the resolution (Burt and Adelson,
1983): a quarter of the work, with an error of about 1/255.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.cache import cached
from ..common.interruption import allow_interrupt, pausing

Window = tuple[int, int, int]
"""Top, left and side in pixels. A window that goes past the bottom or the right of a canvas continues at the opposite
edge."""


def crop_and_resize(pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
    """Return windows of canvases (B, C, H, W), resized to views (V, C, size, size), bilinearly with antialiasing."""
    views: Tensor = _CropAndResize.apply(pixels, windows, items, size)
    return views


class _CropAndResize(torch.autograd.Function):
    """`crop_and_resize`, with a backward pass that adds the gradients of the views one after the other."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
        ctx.windows, ctx.items, ctx.size, ctx.shape = windows, items, size, pixels.shape
        views = pixels.new_empty(len(windows), pixels.shape[1], size, size)
        for view, item, window in pausing(zip(views, items, windows, strict=True)):
            cut = _read_window(pixels[item], window)
            if window[2] == size:
                view.copy_(cut)
            else:
                view.copy_(F.interpolate(cut[None], size=size, mode="bilinear", antialias=True)[0])
        return views

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        canvas = gradient.new_zeros(ctx.shape)
        for view, item, window in pausing(zip(gradient, ctx.items, ctx.windows, strict=True)):
            side = window[2]
            at_window = view if side == ctx.size else resize_adjoint(view, (side, side))
            for (rows, columns), (down, right) in _split_at_edges(window, canvas.shape[2:]):
                canvas[item, :, rows, columns].add_(at_window[:, down, right])
        return canvas, None, None, None


def _read_window(canvas: Tensor, window: Window) -> Tensor:
    """Return the pixels (C, side, side) of a canvas (C, H, W) under a window."""
    pieces = list(_split_at_edges(window, canvas.shape[1:]))
    if len(pieces) == 1:
        ((rows, columns), _) = pieces[0]
        return canvas[:, rows, columns]
    cut = canvas.new_empty(canvas.shape[0], window[2], window[2])
    for (rows, columns), (down, right) in pieces:
        cut[:, down, right] = canvas[:, rows, columns]
    return cut


Area = tuple[slice, slice]
"""The rows and the columns of a rectangle."""


def _split_at_edges(window: Window, canvas: Sequence[int]) -> Iterator[tuple[Area, Area]]:
    """Yield the one to four rectangles into which the edges of a canvas cut a window."""
    top, left, side = window
    for rows, down in _split_span(top, side, canvas[0]):
        for columns, right in _split_span(left, side, canvas[1]):
            yield (rows, columns), (down, right)


def _split_span(start: int, side: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Yield the one or two parts of a span that continues at the beginning of an axis if it goes past the end."""
    first = min(side, length - start)
    yield slice(start, start + first), slice(0, first)
    if first < side:
        yield slice(0, side - first), slice(first, side)


# Cached and shared (never changed in place): this saves a GPU hundreds of small operators in every step.
@cached(maxsize=128)
def linear_resize_matrix(source: int, target: int, device: torch.device) -> Tensor:
    """Return the matrix (target, source) of linear interpolation with antialiasing along an axis; rows sum to 1."""
    weights = _triangle_weights(source, target, torch.arange(target, dtype=torch.float32, device=device))
    return weights / weights.sum(dim=1, keepdim=True)


def _triangle_weights(source: int, target: int, outputs: Tensor) -> Tensor:
    """Return the weights (N, source) with which N output pixels are computed from the samples of an axis."""
    scale = source / target
    centers = (outputs + 0.5) * scale
    samples = torch.arange(source, dtype=torch.float32, device=outputs.device) + 0.5
    return (1 - (samples[None, :] - centers[:, None]).abs() / max(scale, 1.0)).clamp_(min=0)


_MOST_AT_ONCE = 2**23
"""The most weights that `_sum_triangles` makes at once: 32 MiB in float32."""


def _sum_triangles(source: int, target: int, device: torch.device) -> Tensor:
    """Return, for each output pixel of a resize from `source` to `target` pixels, the sum of its weights, (target,)."""
    outputs = torch.arange(target, dtype=torch.float32, device=device).split(max(1, _MOST_AT_ONCE // source))
    return torch.cat([_triangle_weights(source, target, part).sum(dim=1) for part in pausing(outputs)])


def resize_adjoint(images: Tensor, sources: tuple[int, int]) -> Tensor:
    """Return the gradient (C, H, W) at images before resizing, given that at the resized images, (C, h, w)."""
    (height, width), (rows, columns), device = images.shape[-2:], sources, images.device
    if rows <= height:
        vertical = linear_resize_matrix(rows, height, device)
        return vertical.T @ images @ linear_resize_matrix(columns, width, device)
    # The images were shrunk: only two outputs depend on each sample, so reading these two is faster than a product with
    # a matrix, most entries of which are 0.
    row_sums, outputs, weights = _find_readers(rows, height, device)
    column_sums, *readers = _find_readers(columns, width, device)
    wide = _read_weighted(images / (row_sums[:, None] * column_sums), *readers)
    tall = images.new_empty(images.shape[0], rows, columns)
    # On a CPU, one channel at a time, which stays in the caches. Elsewhere, all at once: fewer operators are faster.
    for part, out in zip(wide, tall, strict=True) if device.type == "cpu" else [(wide, tall)]:
        torch.mul(part.index_select(-2, outputs[0]), weights[0][:, None], out=out)
        out.addcmul_(part.index_select(-2, outputs[1]), weights[1][:, None])
    return tall


Pair = tuple[Tensor, Tensor]


@cached(maxsize=512)
def _find_readers(source: int, target: int, device: torch.device) -> tuple[Tensor, Pair, Pair]:
    """Return which two outputs depend on each sample of an axis that is shrunk, and with which weights."""
    position = (torch.arange(source, dtype=torch.float32, device=device) + 0.5) * (target / source) - 0.5
    first = position.floor()
    share = position - first
    weights = (1 - share).where(first >= 0, 0), share.where(first < target - 1, 0)
    outputs = first.long().clamp(min=0), (first.long() + 1).clamp(max=target - 1)
    return _sum_triangles(source, target, device), outputs, weights


def _read_weighted(images: Tensor, indices: Pair, weights: Pair) -> Tensor:
    """Read images along the last axis at two sets of indices, multiply both results by their weights and add them."""
    near, far = (images.index_select(-1, index) for index in indices)
    return near.mul_(weights[0]).addcmul_(far, weights[1])


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
    """Canvases (B, C, H, W), float32, a leaf of the autograd graph, with numbers `items`, and, once a window needs
    them, smaller ones. `take_gradient` sums the gradients of views at all of them, with the same bits on every run."""

    def __init__(self, pixels: Tensor, items: Sequence[int] | None = None) -> None:
        self.pixels, self.items = pixels, range(len(pixels)) if items is None else items
        self._places = {item: place for place, item in enumerate(self.items)}
        # The keys are pairs: the factor by which the resolution is reduced, and the place of the canvas in `pixels`.
        self._leaves: dict[tuple[int, int], Tensor] = {}
        self._reduced: dict[int, Tensor] = {1: pixels.detach()}

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
