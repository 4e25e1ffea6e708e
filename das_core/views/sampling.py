"""Windows cut out of canvases and resized; the adjoint writes into one canvas, however many views there are."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Window = tuple[int, int, int]
"""Top, left and side in pixels. What lies beyond the bottom or the right of a canvas is its other end."""


def crop_and_resize(pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
    """Views (V, 3, size, size) of canvases (B, 3, H, W): for each the window, and the item of the batch it is cut from.

    No window is larger than the canvas. Resizing is linear with antialiasing, its adjoint the same bits on every run.
    """
    views: Tensor = _CropAndResize.apply(pixels, windows, items, size)
    return views


class _CropAndResize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
        ctx.windows, ctx.items, ctx.size, ctx.shape = windows, items, size, pixels.shape
        views = pixels.new_empty(len(windows), pixels.shape[1], size, size)
        for view, item, window in zip(views, items, windows, strict=True):
            shown = _read_window(pixels[item], window)
            if window[2] == size:
                view.copy_(shown)
            else:
                view.copy_(F.interpolate(shown[None], size=size, mode="bilinear", antialias=True)[0])
        return views

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        canvas = gradient.new_zeros(ctx.shape)
        for view, item, window in zip(gradient, ctx.items, ctx.windows, strict=True):
            moved = view if window[2] == ctx.size else resize_adjoint(view, window[2])
            for (rows, columns), (down, right) in _split_at_edges(window, canvas.shape[2:]):
                canvas[item, :, rows, columns] += moved[:, down, right]
        return canvas, None, None, None


def _read_window(canvas: Tensor, window: Window) -> Tensor:
    """What a window (3, side, side) shows of a canvas (3, H, W)."""
    pieces = list(_split_at_edges(window, canvas.shape[1:]))
    if len(pieces) == 1:
        ((rows, columns), _) = pieces[0]
        return canvas[:, rows, columns]
    shown = canvas.new_empty(canvas.shape[0], window[2], window[2])
    for (rows, columns), (down, right) in pieces:
        shown[:, down, right] = canvas[:, rows, columns]
    return shown


Area = tuple[slice, slice]


def _split_at_edges(window: Window, canvas: Sequence[int]) -> Iterator[tuple[Area, Area]]:
    """The parts of a window that lie in one piece: rows and columns of the canvas, and of the window."""
    top, left, side = window
    for rows, down in _split_span(top, side, canvas[0]):
        for columns, right in _split_span(left, side, canvas[1]):
            yield (rows, columns), (down, right)


def _split_span(start: int, side: int, length: int) -> Iterator[tuple[slice, slice]]:
    first = min(side, length - start)
    yield slice(start, start + first), slice(0, first)
    if first < side:
        yield slice(0, side - first), slice(first, side)


def linear_resize_matrix(source: int, target: int, device: torch.device) -> Tensor:
    """Linear interpolation with antialiasing along one axis, as a matrix (target, source), float32.

    Equals `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`.
    """
    weights = _triangle_weights(source, target, device)
    return weights / weights.sum(dim=1, keepdim=True)


def _triangle_weights(source: int, target: int, device: torch.device) -> Tensor:
    scale = source / target
    centers = (torch.arange(target, device=device) + 0.5) * scale
    samples = torch.arange(source, device=device) + 0.5
    return (1 - (samples[None, :] - centers[:, None]).abs() / max(scale, 1.0)).clamp_(min=0)


def resize_adjoint(images: Tensor, source: int) -> Tensor:
    """What resizing squares (C, source, source) to (C, S, S) by `triangle_matrix` on both sides has as its adjoint.

    The library's own backward does not repeat its bits on CUDA; this one only reads, and does.
    """
    size, device = images.shape[-1], images.device
    if source <= size:
        resize = linear_resize_matrix(source, size, device)
        return resize.T @ images @ resize
    # Shrinking by triangles, a pixel is read by the two outputs around it and no others, by each with the weight with
    # which linear interpolation between them would read it back; then divided by the sum of that output's weights.
    position = (torch.arange(source, device=device) + 0.5) * (size / source) - 0.5
    first = position.floor()
    share = position - first
    weights = (1 - share).where(first >= 0, 0), share.where(first < size - 1, 0)
    outputs = first.long().clamp(min=0), (first.long() + 1).clamp(max=size - 1)
    sums = _triangle_weights(source, size, device).sum(dim=1)
    wide = _read_weighted(images / (sums[:, None] * sums), outputs, weights)
    tall = images.new_empty(images.shape[0], source, source)
    # One channel at a time stays in the caches of a CPU.
    for channel, out in zip(wide, tall, strict=True):
        torch.mul(channel.index_select(0, outputs[0]), weights[0][:, None], out=out)
        out.addcmul_(channel.index_select(0, outputs[1]), weights[1][:, None])
    return tall


def _read_weighted(images: Tensor, indices: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The sum of the last axis read at the first indices and at the second ones, weighted."""
    near, far = (images.gather(-1, index.expand(*images.shape[:-1], -1)) for index in indices)
    return near.mul_(weights[0]).addcmul_(far, weights[1])
