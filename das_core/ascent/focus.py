"""The focus: a Gaussian that weights gradients and opens from a centre outwards during an ascent."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.geometry import Box, Shape
from ..common.interruption import pausing
from ..common.masks import FAINTEST_MASK, find_boxes
from ..common.scalars import check_number

_SMALLEST, _WIDEST = 0.05, 100.0  # Of the width, in halves of a side; at 10, the Gaussian is 0.99 in the corners.


@dataclass(frozen=True)
class Focus:
    """A Gaussian by which the gradient is multiplied; it opens from the centre, so that a picture grows from there.

    It is exp(-d² / (2 w²)), where d is the distance from the centre (`measure_squared_distances`) and w the width,
    which grows evenly from `start` to `end`. It decides how a step of fixed size is divided among the pixels.

    Args:
        start: the width at the first step, in halves of a side, 0.05 to 100: 0.15 is a small spot, 1 nearly everywhere.
        end: the width after opening, `start` to 100. With 1.2 the corners move half as far as the middle, and the
            background stays plain; with 3 nearly as far.
        share: the share of the steps, 0..1, over which it opens, from the first step on; 0 for `end` at every step.
        center: the row and the column from which it opens, in shares of the picture, 0..1; None for its middle, or that
            of a mask or region.

    Example:
        >>> import direct_ascent as da
        >>> focus = da.ascent.Focus(start=0.5, end=1.5, share=0.5)
        >>> [round(focus.width_at(progress), 2) for progress in (0.0, 0.25, 0.5, 1.0)]
        [0.5, 1.0, 1.5, 1.5]
    """

    start: float = 0.3
    end: float = 1.2
    share: float = 0.7
    center: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_number("focus", self.start, _SMALLEST, _WIDEST, "0.3 is the middle of a picture")
        check_number("the end of the focus", self.end, self.start, _WIDEST, "it opens from its start")
        check_number("the share over which the focus opens", self.share, 0, 1, "0.7 is usual")
        for share in self.center or ():
            check_number("center", share, 0, 1, "both are shares of the picture, as (0.5, 0.5)")

    def width_at(self, progress: float) -> float:
        """Return the width of the Gaussian, in halves of a side, when this share of the ascent, 0..1, is over."""
        opened = 1.0 if progress >= self.share else progress / self.share
        return self.start + (self.end - self.start) * opened

    def weigh(self, squared_distances: Tensor, progress: float) -> Tensor:
        """Return the Gaussian at squared distances from the centre, when this share of the ascent, 0..1, is over."""
        return torch.exp(squared_distances / (-2 * self.width_at(progress) ** 2))


def measure_squared_distances(
    canvas: Shape, mask: Tensor | None = None, center: tuple[float, float] | None = None
) -> Tensor:
    """Return squared distances (B or 1, 1, H, W), in half sides, from a `center` in pixels, or that of a canvas or of
    the box of a mask (B, 1, H, W), less the least one within the mask: a ring leaves its centre out."""
    if mask is None:
        return _from_center(canvas, (0, 0, *canvas), center)[None, None]
    boxes = pausing(find_boxes(mask))
    squared = torch.stack([_from_center(canvas, box, center) for box in boxes])[:, None].to(mask.device)
    nearest = squared.where(mask > FAINTEST_MASK, torch.inf).amin(dim=(2, 3), keepdim=True)
    return (squared - nearest).clamp_(min=0)


def _from_center(canvas: Shape, box: Box, center: tuple[float, float] | None) -> Tensor:
    """Return the squared distance (H, W) of every pixel from the centre of a box, or from another, in half sides."""
    middle = center or (box[0] + (box[2] - 1) / 2, box[1] + (box[3] - 1) / 2)
    # At least 0.5, so that nothing is divided by 0 if a side of the box has a single pixel.
    rows, columns = (
        ((torch.arange(length, dtype=torch.float32) - place) / max((extent - 1) / 2, 0.5)).square()
        for length, place, extent in zip(canvas, middle, box[2:], strict=True)
    )
    return rows[:, None] + columns
