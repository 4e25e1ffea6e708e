"""The map from the canvases of a zoom to the composite at a moment, and its adjoint for the gradient.

The map acts before the tanh and is linear: a composite is a sum of resized canvases, each multiplied by a mask. So the
gradient at every depth follows from the gradient at the composites, without an autograd graph.
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
"""How many samples the cubic kernel reaches on each side of its middle, when it enlarges."""

_Layer = tuple[int, tuple[slice, slice], tuple[slice, slice], tuple[Tensor, Tensor] | None, Tensor | None]
"""A depth in a composite: its index; the rows and columns of the composite that it covers; the rows and columns of its
own canvas from which these are computed; the matrices that resize rows and columns (None if the scale is 1); and its
mask over the rows and columns that it covers (None for the widest depth, which has no mask)."""


class ZoomOperator:
    """The linear map from the canvases of a zoom to its composites at some moments.

    Depths are resized with a cubic kernel (Keys, 1981, a = -1/2) and antialiasing, and blended over each other from the
    widest to the smallest. The mask of a depth is 1 in an ellipse and falls to 0 at the edge of its margin, see
    `depth_mask`. At moment d the composite is equal to the canvas of depth d, bit for bit, where the mask of depth d is
    1 and the masks of all smaller depths are 0.

    Args:
        zoom: how the depths are nested.
        canvas: height and width of the canvases in pixels, margins included.
        margin: the margin around the picture, in pixels.
        keep: whether matrices and masks are cached. True suits an ascent, whose steps all use the same moments; False
            suits rendering, where every frame has another moment.

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
        """Return the composites at some moments.

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
                # lerp returns its first operand unchanged where the mask is 0, and its second where it is 1.
                under.copy_(part if mask is None else torch.lerp(under, part, mask))
            seen.append(out)
        return torch.stack(seen)

    def adjoint(self, gradient: Tensor, moments: Sequence[float]) -> Tensor:
        """Return the gradient at the canvases, given the gradient at the composites.

        Args:
            gradient: the gradient at each composite, (N, C, H, W).
            moments: the moment of each composite.

        Returns:
            The gradient at each depth, summed over the moments, (D, C, H, W).
        """
        total = gradient.new_zeros(self.zoom.depths, *gradient.shape[1:])
        for seen, moment in pausing(zip(gradient, moments, strict=True)):
            # From the smallest depth to the widest: each takes its share of the gradient, and leaves the rest to the
            # wider depths under it.
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
        """Yield the visible depths at a moment, from the widest to the smallest.

        Each is a tuple: the index of the depth; the rows and columns of the composite that it covers; the rows and
        columns of its own canvas from which these are computed; the matrices that resize rows and columns (None if the
        scale is 1); and its mask (None for the widest depth).
        """
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
    """Return two ranges of an axis: samples of the composite, and the samples of a depth that they are computed from.

    The composite is the canvas of a zoom at one moment, composed of several depths. The composite and the canvas of a
    depth have `length` samples along the axis. The first range holds the samples of the composite that the canvas of
    the depth covers after it is resized by the factor `scale`. The second range holds the samples of this canvas,
    before it is resized, from which the first range is computed. The end of a range is excluded.
    """
    # A sample is covered if its middle lies on the resized canvas. The number of covered samples changes from moment to
    # moment without a visible jump, because the mask is nearly 0 at the edge.
    first = max(0, math.ceil((length - length * scale - 1) / 2))
    if scale <= 1:
        return (first, length - first), (0, length)
    # Where the first sample of the composite lies on the canvas, as a fractional index. The interpolation uses `_REACH`
    # samples on each side of this place.
    outermost = (0.5 - length / 2) / scale + length / 2 - 0.5
    begin = max(0, math.floor(outermost) - _REACH + 1)
    return (first, length - first), (begin, length - begin)


def zoom_matrix(length: int, scale: float, device: torch.device) -> Tensor:
    """Return the matrix that resizes an axis around its middle and crops the result to the length of the axis.

    Args:
        length: how many samples the axis has.
        scale: the factor by which it is resized; below 1 it shrinks.
        device: the device of the result.

    Returns:
        A matrix, float32, with bicubic weights: a row for each sample of the result that the resized axis covers, and a
        column for each sample of the axis that these rows can use. Each row sums to 1.
    """
    (first, end), (begin, until) = _find_spans(length, scale)
    position = (torch.arange(first, end, dtype=torch.float64) + 0.5 - length / 2) / scale + length / 2 - 0.5
    # Antialiasing: below scale 1 the kernel is widened by 1 / scale, the distance between two samples of the result.
    distance = (torch.arange(begin, until) - position[:, None]).abs() * min(scale, 1.0)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, torch.where(distance < _REACH, far, 0.0))
    return (weights / weights.sum(dim=1, keepdim=True)).to(device, torch.float32)


def depth_mask(canvas: Shape, margin: int, scale: float, device: torch.device) -> Tensor:
    """Return the mask of a resized depth, for those rows and columns of the composed canvas that the depth covers.

    The mask is 1 in an ellipse in the middle of the depth. Its semi-axes are 0.6 times (`INNER`) half the sides of the
    resized picture. Outside this ellipse the mask falls along half a period of a cosine. It reaches 0 on a larger
    ellipse of the same shape, which touches the outer edge of the margin, and stays 0 beyond.

    Args:
        canvas: height and width of the canvases in pixels, margins included.
        margin: the margin around the picture, in pixels of the depth before it is resized.
        scale: the size of the resized depth, as a multiple of the size of the canvas.
        device: the device of the result.

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
