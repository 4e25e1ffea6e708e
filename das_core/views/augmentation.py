"""Augmentation: how the views of a canvas are made."""

from dataclasses import dataclass, field

from torch import Tensor

from ..common.interruption import pausing
from ..common.scalars import check_number
from .color_transforms import ColorShift, Grayscale
from .draws import Draws
from .pyramid import Pyramid
from .transforms import Flip, Noise, Transform
from .windows import MiddleSquare, ViewGeometry, Windows

MOST_VIEWS = 2**16
"""The most views of an image in a step. The random draws of many more views would fill the memory."""


@dataclass(frozen=True)
class Augmentation:
    """How many views of every image a step shows to a judge, and how these views are made.

    Args:
        views: how many views of every image each step has, 1 to 65,536; all frames of a film or moments of a zoom count
            as one image. A few give a rough gradient, 16 a good one.
        windows: which windows of the canvas views are cut from; by default up to 56 pixels into the margin, if it is so
            wide.
        transforms: what is done to the views after they are cut out and resized, in this order.

    Example:
        >>> import torch
        >>> from das_core import Augmentation, Flip, Noise, Windows
        >>> from das_core.views import Draws, ViewGeometry, ViewKey
        >>> augmentation = Augmentation(views=2, windows=Windows(jitter=8), transforms=(Flip(), Noise(0.1)))
        >>> draws = Draws([ViewKey(seed=0, item=0, step=0, view=view) for view in range(2)], torch.device("cpu"))
        >>> geometry = ViewGeometry(canvas=(48, 48), margin=8, size=24)
        >>> augmentation(torch.zeros(1, 3, 48, 48), geometry, draws).shape
        torch.Size([2, 3, 24, 24])
    """

    views: int = 16
    windows: Windows = field(default_factory=lambda: Windows(fitted=True))
    transforms: tuple[Transform, ...] = (Flip(), ColorShift(), Grayscale(), Noise())

    def __post_init__(self) -> None:
        check_number("views", self.views, 1, MOST_VIEWS, "16 make a steady step", whole=True)

    def __call__(self, pixels: Tensor | Pyramid, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Return views (V, 3, size, size), 0..1, of canvases (B, 3, H, W) or a `Pyramid` of them, with these draws."""
        views = self.windows(pixels, geometry, draws)
        for transform in pausing(self.transforms):
            views = transform(views, draws)
        return views


WHOLE = Augmentation(1, MiddleSquare(jitter=0), ())
"""One view of the whole picture as it is; of an oblong one the middle square, as in the usual tests of classifiers."""
