"""From the canvases of a zoom to what is seen at a moment, and the gradient back.

Both are linear and are done before the tanh, as all of a stack is: a canvas that is seen is a sum of resized canvases,
each times a mask. So the gradient at every depth is known from that at what is seen, without a graph.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from .zoom import INNER, Zoom

_REACH = 2
"""How many samples the cubic reaches on each side."""

_Layer = tuple[int, tuple[slice, slice], tuple[slice, slice], tuple[Tensor, Tensor] | None, Tensor | None]
"""The number of a depth, the rows and columns that it covers, those of its canvas that are seen there, the matrices
that resize these (None at its own size), and its mask there (None for 1)."""


class ZoomOperator:
    """The linear map from the canvases of a zoom to the canvases that are seen at some moments.

    Depths are resized by cubics (Keys, 1981, a = -1/2) with antialiasing, and laid on each other from the widest to the
    smallest. The mask of a depth is 1 in a disc and falls to 0 at the edge of its margin. At the moment of a depth that
    disc, without what lies in its middle, has the bits of its canvas.

    Args:
        zoom: how the depths lie in each other.
        canvas: height and width of the canvases in pixels, margins included.
        margin: how far they go beyond the picture, in pixels.
        keep: whether matrices and masks are kept for later calls: those of an ascent come again in every step, those of
            the frames of a film never.

    Example:
        >>> import torch
        >>> from das_core import Zoom
        >>> from das_core.stack.zoom_operator import ZoomOperator
        >>> operator = ZoomOperator(Zoom(depths=2), canvas=(24, 24), margin=4)
        >>> black_in_white = torch.tensor([1.0, 0.0])[:, None, None, None].expand(2, 3, 24, 24)
        >>> [round(float(row), 2) for row in operator.forward(black_in_white, [0.0])[0, 0, 12, ::2]]
        [1.0, 1.0, 1.0, 0.96, 0.23, 0.0, 0.0, 0.0, 0.64, 1.0, 1.0, 1.0]
    """

    def __init__(self, zoom: Zoom, canvas: Shape, margin: int, *, keep: bool = True) -> None:
        self.zoom, self.canvas, self.margin = zoom, canvas, margin
        self._make_matrix, self._make_mask = (_kept_matrix, _kept_mask) if keep else (zoom_matrix, depth_mask)

    def forward(self, canvases: Tensor, moments: Sequence[float]) -> Tensor:
        """Return what is seen at some moments.

        Args:
            canvases: (D, C, H, W), one for each depth.
            moments: each from 0 to `Zoom.end`.

        Returns:
            Canvases (N, C, H, W), margins included.
        """
        seen = []
        for moment in pausing(moments):
            out = canvases.new_empty(canvases.shape[1:])
            for depth, place, source, matrices, mask in self._find_layers(moment, canvases.device):
                part = canvases[depth][:, *source]
                if matrices is not None:
                    part = multiply_both_sides(matrices[0], part, matrices[1].T)
                under = out[:, *place]
                # Exact at both ends.
                under.copy_(part if mask is None else torch.lerp(under, part, mask))
            seen.append(out)
        return torch.stack(seen)

    def adjoint(self, gradient: Tensor, moments: Sequence[float]) -> Tensor:
        """Return the gradient at the canvases, given that at what is seen.

        Args:
            gradient: (N, C, H, W).
            moments: the moment of each.

        Returns:
            The sum over the moments, (D, C, H, W).
        """
        total = gradient.new_zeros(self.zoom.depths, *gradient.shape[1:])
        for seen, moment in pausing(zip(gradient, moments, strict=True)):
            left = seen.clone()
            for depth, place, source, matrices, mask in reversed(list(self._find_layers(moment, gradient.device))):
                part = left[:, *place]
                if mask is not None:
                    part, kept = part * mask, part * (1 - mask)
                    left[:, *place] = kept
                if matrices is not None:
                    part = multiply_both_sides(matrices[0].T, part, matrices[1])
                total[depth][:, *source] += part
        return total

    def _find_layers(self, moment: float, device: torch.device) -> Iterator[_Layer]:
        """Yield what is seen at a moment, from the widest to the smallest."""
        for depth, scale, fills in self.zoom.find_layers(moment, self.canvas, self.margin):
            spans = [_find_spans(length, scale) for length in self.canvas]
            place = (slice(*spans[0][0]), slice(*spans[1][0]))
            source = (slice(*spans[0][1]), slice(*spans[1][1]))
            matrices = None
            if scale != 1:
                rows, columns = (self._make_matrix(length, scale, device) for length in self.canvas)
                matrices = rows, columns
            mask = None if fills else self._make_mask(self.canvas, self.margin, scale, device)
            yield depth, place, source, matrices, mask


def _find_spans(length: int, scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return which samples of an axis a resized canvas covers, and which of its own it is computed from there."""
    # All samples whose middle lies on it: at its edge the mask is nearly 0, so that none comes or goes with a jump.
    first = max(0, math.ceil((length - length * scale - 1) / 2))
    if scale <= 1:
        return (first, length - first), (0, length)
    outermost = (0.5 - length / 2) / scale + length / 2 - 0.5
    begin = max(0, math.floor(outermost) - _REACH + 1)
    return (first, length - first), (begin, length - begin)


def zoom_matrix(length: int, scale: float, device: torch.device) -> Tensor:
    """Return the matrix that resizes an axis around its middle, where the result overlaps the axis.

    Args:
        length: how many samples the axis has.
        scale: by how much it is enlarged.
        device: where the matrix is made.

    Returns:
        (rows, columns), float32, with the rows and columns that are seen; its rows sum to 1.
    """
    (first, end), (begin, until) = _find_spans(length, scale)
    position = (torch.arange(first, end, dtype=torch.float64) + 0.5 - length / 2) / scale + length / 2 - 0.5
    # Shrinking, the cubic is as wide as the samples of the result lie apart.
    distance = (torch.arange(begin, until) - position[:, None]).abs() * min(scale, 1.0)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, torch.where(distance < _REACH, far, 0.0))
    return (weights / weights.sum(dim=1, keepdim=True)).to(device, torch.float32)


def depth_mask(canvas: Shape, margin: int, scale: float, device: torch.device) -> Tensor:
    """Return the mask of a resized depth where it overlaps the canvas: 1 within `INNER`, 0 from the margin's edge on.

    It is an ellipse as oblong as the picture, and falls as half a wave of a cosine.

    Args:
        canvas: height and width in pixels, margins included.
        margin: in pixels of the depth itself.
        scale: the size of the depth, as a multiple of the canvas's.
        device: where the mask is made.

    Returns:
        (rows, columns), float32, 0..1.
    """
    away = []
    for length in canvas:
        (first, end), _ = _find_spans(length, scale)
        distance = (torch.arange(first, end, dtype=torch.float64) + 0.5 - length / 2).abs() / scale
        away.append(distance / (length / 2 - margin))
    edge = min(length / (length - 2 * margin) for length in canvas)
    outside = ((torch.hypot(away[0][:, None], away[1]) - INNER) / (edge - INNER)).clamp(0, 1)
    return ((1 + torch.cos(math.pi * outside)) / 2).to(device, torch.float32)


_kept_matrix = cached(maxsize=256)(zoom_matrix)
_kept_mask = cached(maxsize=128)(depth_mask)
