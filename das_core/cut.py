"""Windows cut out of canvases and resized; the adjoint writes into one canvas, however many views there are."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .resample import triangle_adjoint

Window = tuple[int, int, int]
"""Top, left and side in pixels. What lies beyond the bottom or the right of a canvas is its other end."""


def cut(pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
    """Views (V, 3, size, size) of canvases (B, 3, H, W): for each the window, and the item of the batch it is cut from.

    No window is larger than the canvas. Resizing is linear with antialiasing, its adjoint the same bits on every run.
    """
    views: Tensor = _Cut.apply(pixels, windows, items, size)
    return views


class _Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, windows: Sequence[Window], items: Sequence[int], size: int) -> Tensor:
        ctx.windows, ctx.items, ctx.size, ctx.shape = windows, items, size, pixels.shape
        views = pixels.new_empty(len(windows), pixels.shape[1], size, size)
        for view, item, window in zip(views, items, windows, strict=True):
            shown = _shown(pixels[item], window)
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
            moved = view if window[2] == ctx.size else triangle_adjoint(view, window[2])
            for (rows, columns), (down, right) in _pieces(window, canvas.shape[2:]):
                canvas[item, :, rows, columns] += moved[:, down, right]
        return canvas, None, None, None


def _shown(canvas: Tensor, window: Window) -> Tensor:
    """What a window (3, side, side) shows of a canvas (3, H, W)."""
    pieces = list(_pieces(window, canvas.shape[1:]))
    if len(pieces) == 1:
        ((rows, columns), _) = pieces[0]
        return canvas[:, rows, columns]
    shown = canvas.new_empty(canvas.shape[0], window[2], window[2])
    for (rows, columns), (down, right) in pieces:
        shown[:, down, right] = canvas[:, rows, columns]
    return shown


Area = tuple[slice, slice]


def _pieces(window: Window, canvas: Sequence[int]) -> Iterator[tuple[Area, Area]]:
    """The parts of a window that lie in one piece: rows and columns of the canvas, and of the window."""
    top, left, side = window
    for rows, down in _spans(top, side, canvas[0]):
        for columns, right in _spans(left, side, canvas[1]):
            yield (rows, columns), (down, right)


def _spans(start: int, side: int, length: int) -> Iterator[tuple[slice, slice]]:
    first = min(side, length - start)
    yield slice(start, start + first), slice(0, first)
    if first < side:
        yield slice(0, side - first), slice(first, side)
