"""A zoom: nested pictures, each of which contains the next one in its middle.

The images of the stack are the depths. All their canvases have the same number of pixels; placed in the picture of
depth 0, the canvas of depth d has 1 / factor^d of the width and height of the canvas of depth 0. A zoom is shown at
moments: at moment 0 depth 0 fills the picture, at moment 1 depth 1 fills it, and in between depth 1 grows. What is
shown at a moment is a composite of nested depths. The widest of them covers the whole composite. Each smaller depth is
blended over the wider ones through an elliptic mask with a soft edge, because a straight or sharp edge would look like
a frame.
"""

import math
from dataclasses import dataclass

from ..common.geometry import Shape
from ..common.scalars import as_number, as_switch, as_whole
from ..common.text import shorten
from ..common.timeline import Timeline

MOST_DEPTHS = 32
"""The largest number of depths of a zoom."""

LEAST_FACTOR, LARGEST_FACTOR = 1.25, 8.0
"""The range of `Zoom.factor`."""

MOST_BETWEEN = 15
"""The largest value of `Zoom.between`."""

INNER = 0.6
"""The semi-axes of the ellipse in which a depth is opaque, as a share of half the width and half the height of its
picture. Outside this ellipse the depth blends into the wider depth around it, and ends at a larger ellipse that touches
the outer edge of the margin (`zoom_operator.depth_mask`)."""

_LEAST_MARGIN = 4
"""The least margin of a zoom in pixels. The mask of a depth needs room to fall to 0 at the outer edge of the margin."""

_WIDEST_MARGIN = 56
"""The widest margin that `zoom_margin` returns, in pixels: an eighth of the default side of a picture, 448."""


def zoom_margin(width: int, height: int) -> int:
    """Return the margin that suits a zoom: an eighth of the shorter side, 4 to 56 pixels.

    With a wider margin, the canvas of a small picture would be mostly margin, and the zoom would need a larger factor
    (`Zoom.check_canvas`).

    Args:
        width, height: the size of the picture in pixels.

    Example:
        >>> from das_core.stack.zoom import zoom_margin
        >>> zoom_margin(224, 224), zoom_margin(1024, 768)
        (28, 56)
    """
    return max(_LEAST_MARGIN, min(_WIDEST_MARGIN, min(width, height) // 8))


@dataclass(frozen=True)
class Zoom:
    """How the images of a stack, the depths of a zoom, are nested.

    Args:
        depths: how many depths there are, 2 to 32.
        factor: the width of a depth divided by the width of the next depth inside it, 1.25 to 8. At 4 a depth covers a
            sixteenth of the area of the picture around it, and fills the picture when it is enlarged by the factor 4.
        loop: whether the last depth contains the first, so that the zoom has no end.
        between: how many moments between two neighbouring depths are shown to models, 0 to 15, so that an ascent also
            improves the composites between the depths. Frames can be rendered at any moment (`render_zoom`).

    Raises:
        ValueError: when a number is out of range, or `loop` is neither true nor false.

    Example:
        >>> from das_core import ImageStack, StackSpec, Zoom
        >>> zoom = Zoom(depths=3, between=1)
        >>> zoom.moments
        (0.0, 0.5, 1.0, 1.5, 2.0)
        >>> ImageStack.gray(StackSpec(width=32, height=32, margin=8, zoom=zoom)).image().shape
        torch.Size([3, 3, 32, 32])
    """

    depths: int
    factor: float = 2.0
    loop: bool = False
    between: int = 3

    def __post_init__(self) -> None:
        depths, factor, between = as_whole(self.depths), as_number(self.factor), as_whole(self.between)
        if depths is None or not 2 <= depths <= MOST_DEPTHS:
            raise ValueError(
                f"{shorten(self.depths)} depths are no zoom; give a whole number from 2 to {MOST_DEPTHS}, such as 6"
            )
        if factor is None or not LEAST_FACTOR <= factor <= LARGEST_FACTOR:
            raise ValueError(
                f"factor {shorten(self.factor)} is not between {LEAST_FACTOR} and {LARGEST_FACTOR:g}; at 2 each depth "
                "has half the side of the one that holds it"
            )
        if between is None or not 0 <= between <= MOST_BETWEEN:
            raise ValueError(f"between {shorten(self.between)} is not a whole number from 0 to {MOST_BETWEEN}; 3 suit")
        object.__setattr__(self, "depths", depths)
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "between", between)
        object.__setattr__(self, "loop", as_switch("loop", self.loop))

    @property
    def end(self) -> int:
        """The moment at which the zoom ends: the index of the last depth, or `depths` in a loop (depth 0 again)."""
        return self.depths if self.loop else self.depths - 1

    @property
    def moments(self) -> tuple[float, ...]:
        """The moments that are shown to models, in rising order; depth d fills the picture at moment d."""
        steps = self.between + 1
        return tuple(number / steps for number in range(self.end * steps + (not self.loop)))

    @property
    def timeline(self) -> Timeline:
        """The time axis of a zoom: its composites are at `moments`, and a keyframe at position d belongs to depth d."""
        return Timeline(self.moments, self.depths, self.end, self.loop, "depth")

    def find_layers(self, moment: float, canvas: Shape, margin: int) -> list[tuple[int, float, bool]]:
        """Return which depths are visible at a moment, from the widest to the smallest.

        Args:
            moment: from 0 to `end`, the last moment of the zoom. For example, if `factor` is 4, then at moment 1.5
                depth 1 is twice as wide as the picture, so only its middle is visible. Depth 2 is half as wide as the
                picture, and lies in its middle.
            canvas: height and width of the canvases in pixels, margins included.
            margin: the margin around the picture, in pixels.

        Returns:
            For each visible depth its index, its scale (at 1 it fills the picture), and whether it is drawn without a
            mask. This is True for the widest depth only, which comes first, below the others; every other depth is
            drawn through an elliptic mask. In a loop an index can occur several times, at different scales.

        Example:
            >>> from das_core import Zoom
            >>> Zoom(depths=3).find_layers(0.0, (48, 48), 8)
            [(0, 1.0, True), (1, 0.5, False), (2, 0.25, False)]
            >>> Zoom(depths=4).find_layers(3.0, (48, 48), 8)
            [(1, 4.0, True), (2, 2.0, False), (3, 1.0, False)]
        """
        # At this scale and above, the opaque ellipse of a depth covers the whole canvas, corners included, and hides
        # all wider depths.
        enough = math.hypot(*(side / (side - 2 * margin) for side in canvas)) / INNER
        layers: list[tuple[int, float, bool]] = []
        last = math.inf if self.loop else self.depths - 1
        # Go outwards from the depth of this moment to the first depth that hides all wider ones, or to depth 0.
        depth = math.floor(moment)
        while True:
            scale = self.factor ** (moment - depth)
            if scale >= enough or (depth == 0 and not self.loop):
                break
            depth -= 1
        # From there inwards, until the next depth would be smaller than a pixel, or there is none.
        while depth <= last and min(canvas) * (scale := self.factor ** (moment - depth)) >= 1:
            layers.append((depth % self.depths, scale, not layers))
            depth += 1
        return layers

    def check_canvas(self, canvas: Shape, margin: int) -> None:
        """Raise a ValueError when the margin is too narrow, or a depth with its margin exceeds the picture around it.

        Args:
            canvas: height and width of the canvases in pixels, margins included.
            margin: the margin around the picture, in pixels.
        """
        if margin < _LEAST_MARGIN:
            raise ValueError(
                f"a margin of {margin} pixels is too narrow for a zoom, whose depths end there; "
                f"give at least {_LEAST_MARGIN}, an eighth of the picture is good"
            )
        least = max(side / (side - 2 * margin) for side in canvas)
        if self.factor < least:
            raise ValueError(
                f"at factor {self.factor:g} a depth and its margin of {margin} are larger than the picture that holds "
                f"it; choose a factor of at least {math.ceil(least * 100) / 100:g}, or a smaller margin"
            )
