"""Augmentation: which views of a canvas a judge is shown.

What helps an image made by ascent most (arXiv 2502.07753, section 4) is that no judge ever sees it twice in the same
way. `Windows` cuts views out of the canvas; then come transforms of views, in order. All of them draw from `Draws`.
"""

from dataclasses import dataclass, field

from torch import Tensor

from .draws import Draws
from .geometry import ViewGeometry
from .transforms import Flip, Noise, Transform
from .windows import Windows


@dataclass(frozen=True)
class Augmentation:
    """How many views a step shows of every image, and what happens to them."""

    views: int = 16
    windows: Windows = field(default_factory=Windows)
    transforms: tuple[Transform, ...] = (Flip(), Noise())

    def __post_init__(self) -> None:
        if self.views < 1:
            raise ValueError(f"views {self.views} is too few; a step needs at least 1, and 16 make a steady one")

    def __call__(self, pixels: Tensor, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Return views (V, 3, size, size), 0..1, of canvases (B, 3, H, W), 0..1, one for each of the draws."""
        views = self.windows(pixels, geometry, draws)
        for transform in self.transforms:
            views = transform(views, draws)
        return views
