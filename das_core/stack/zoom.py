"""A zoom: nested pictures, each of which contains the next one in its middle (docs/method.md, A zoom)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.products import multiply_both_sides
from ..common.scalars import as_switch, check_number, set_fields
from ..common.timeline import Timeline

MOST_DEPTHS = 32
LEAST_FACTOR, LARGEST_FACTOR = 1.25, 8.0
BETWEEN = 3  # How many moments between two depths models are shown, so that an ascent improves them, too.
INNER = 0.6  # The semi-axes of the ellipse in which a depth is opaque, as shares of half the sides of its picture.
_LEAST_MARGIN, _WIDEST_MARGIN = 4, 56  # In pixels. In the margin, the mask of a depth falls to 0.


def zoom_margin(width: int, height: int) -> int:
    """Return the margin that suits a zoom: an eighth of the shorter side, 4 to 56 pixels."""
    return max(_LEAST_MARGIN, min(_WIDEST_MARGIN, min(width, height) // 8))


@dataclass(frozen=True)
class Zoom:
    """How the images of a stack, the depths of a zoom, are nested.

    Args:
        depths: how many depths there are, 2 to 32.
        factor: the width of a depth divided by that of the next depth inside it, 1.25 to 8.
        loop: whether the last depth contains the first, so that the zoom has no end.
    """

    depths: int
    factor: float = 2.0
    loop: bool = False

    def __post_init__(self) -> None:
        usual = "at 2 each depth has half the side of the one that holds it"
        set_fields(
            self,
            depths=check_number("depths", self.depths, 2, MOST_DEPTHS, "6 make a zoom", whole=True),
            factor=check_number("factor", self.factor, LEAST_FACTOR, LARGEST_FACTOR, usual),
            loop=as_switch("loop", self.loop),
        )

    @property
    def end(self) -> int:
        """The moment at which the zoom ends: that of the last depth, or `depths` in a loop (depth 0 again)."""
        return self.depths if self.loop else self.depths - 1

    @property
    def moments(self) -> tuple[float, ...]:
        """The moments that models are shown, in rising order; depth d fills the picture at moment d."""
        steps = BETWEEN + 1
        return tuple(number / steps for number in range(self.end * steps + (not self.loop)))

    @property
    def timeline(self) -> Timeline:
        """The time axis: composites at `moments`; a keyframe at position d belongs to depth d."""
        return Timeline(self.moments, self.depths, self.end, self.loop, "depth")

    def find_layers(self, moment: float, canvas: Shape, margin: int) -> list[tuple[int, float, bool]]:
        """Return index, scale (1 fills the picture) and whether it has no mask, of the visible depths, widest first."""
        # At this scale and above, the opaque ellipse of a depth covers the whole canvas and hides all wider depths.
        enough = math.hypot(*(side / (side - 2 * margin) for side in canvas)) / INNER
        layers: list[tuple[int, float, bool]] = []
        last = math.inf if self.loop else self.depths - 1
        # Go outwards from the depth of this moment to the first depth that hides all wider ones, or to depth 0.
        depth = math.floor(moment)
        while self.factor ** (moment - depth) < enough and (self.loop or depth > 0):
            depth -= 1
        # From there inwards, until the next depth would be smaller than a pixel, or there is none.
        while depth <= last and min(canvas) * (scale := self.factor ** (moment - depth)) >= 1:
            layers.append((depth % self.depths, scale, not layers))
            depth += 1
        return layers

    def check_canvas(self, canvas: Shape, margin: int) -> None:
        """Raise a ValueError unless the margin is wide enough, and a depth fits into the picture around it."""
        if margin < _LEAST_MARGIN:
            raise ValueError(
                f"a margin of {margin} pixels is too narrow for a zoom, whose depths end there; give at least "
                f"{_LEAST_MARGIN}, an eighth of the picture is good"
            )
        least = max(side / (side - 2 * margin) for side in canvas)
        if self.factor < least:
            raise ValueError(
                f"at factor {self.factor:g} a depth and its margin of {margin} are larger than the picture that holds "
                f"it; choose a factor of at least {math.ceil(least * 100) / 100:g}, or a smaller margin"
            )


_REACH = 2  # How many samples the cubic kernel reaches on each side of its middle, when it enlarges.

# A depth in a composite: its index; what it covers there; from which part of its canvas; the matrices that resize rows
# and columns (None at scale 1); and its mask (None for the widest depth).
_Layer = tuple[int, tuple[slice, slice], tuple[slice, slice], tuple[Tensor, Tensor] | None, Tensor | None]


class ZoomOperator:
    """The linear map from the canvases of a zoom to its composites at some moments, before the tanh."""

    def __init__(self, zoom: Zoom, canvas: Shape, margin: int, *, keep: bool = True) -> None:
        self.zoom, self.canvas, self.margin = zoom, canvas, margin
        self._make_matrix, self._make_mask = (_kept_matrix, _kept_mask) if keep else (zoom_matrix, depth_mask)

    def forward(self, canvases: Tensor, moments: Sequence[float]) -> Tensor:
        """Return the composites (N, C, H, W) of canvases (D, C, H, W) at N moments, each from 0 to `Zoom.end`."""
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
        """Return the gradient at the depths (D, C, H, W), given those at the composites of N moments (N, C, H, W)."""
        total = gradient.new_zeros(self.zoom.depths, *gradient.shape[1:])
        for seen, moment in pausing(zip(gradient, moments, strict=True)):
            # From the smallest depth to the widest: each takes its share, and leaves the rest to those under it.
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
        for depth, scale, fills in self.zoom.find_layers(moment, self.canvas, self.margin):
            (down, rows), (right, columns) = (_find_spans(length, scale) for length in self.canvas)
            height, width = self.canvas
            matrices = None
            if scale != 1:
                matrices = self._make_matrix(height, scale, device), self._make_matrix(width, scale, device)
            mask = None if fills else self._make_mask(self.canvas, self.margin, scale, device)
            yield depth, (down, right), (rows, columns), matrices, mask


def _find_spans(length: int, scale: float) -> tuple[slice, slice]:
    """Return the samples of a composite that a depth covers along an axis, and the samples of the depth for them."""
    # A sample is covered if its middle lies on the resized canvas. At the edge the mask is nearly 0.
    first = max(0, math.ceil((length - length * scale - 1) / 2))
    begin = 0
    if scale > 1:
        # Where the first sample of the composite lies on the canvas, as a fractional index.
        outermost = (0.5 - length / 2) / scale + length / 2 - 0.5
        begin = max(0, math.floor(outermost) - _REACH + 1)
    return slice(first, length - first), slice(begin, length - begin)


def zoom_matrix(length: int, scale: float, device: torch.device) -> Tensor:
    """Return the matrix that resizes an axis around its middle and crops the result to the length of the axis."""
    covered, read = _find_spans(length, scale)
    position = (torch.arange(length, dtype=torch.float64)[covered] + 0.5 - length / 2) / scale + length / 2 - 0.5
    # Antialiasing: below scale 1 the kernel is widened by 1 / scale.
    distance = (torch.arange(length)[read] - position[:, None]).abs() * min(scale, 1.0)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, torch.where(distance < _REACH, far, 0.0))
    return (weights / weights.sum(dim=1, keepdim=True)).to(device, torch.float32)


def depth_mask(canvas: Shape, margin: int, scale: float, device: torch.device) -> Tensor:
    """Return the mask of a resized depth, for those rows and columns of the composed canvas that the depth covers."""
    away = []
    for length in canvas:
        covered, _ = _find_spans(length, scale)
        distance = (torch.arange(length, dtype=torch.float64)[covered] + 0.5 - length / 2).abs() / scale
        away.append(distance / (length / 2 - margin))
    edge = min(length / (length - 2 * margin) for length in canvas)
    outside = ((torch.hypot(away[0][:, None], away[1]) - INNER) / (edge - INNER)).clamp(0, 1)
    return ((1 + torch.cos(math.pi * outside)) / 2).to(device, torch.float32)


_kept_matrix = cached(maxsize=256)(zoom_matrix)
_kept_mask = cached(maxsize=128)(depth_mask)
