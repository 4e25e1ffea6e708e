"""Cutting windows out of canvases and resizing them.

The gradients of all views are added up in one tensor of the size of the canvases, with the same bits on every run, on
CUDA too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.cache import cached
from ..common.interruption import pausing

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
