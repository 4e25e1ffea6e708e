"""Views of a canvas: windows that are cut out of it at random, resized and transformed, for a judge to see."""

from .augmentation import Augmentation
from .draws import Draws, ViewKey
from .transforms import Distance, Flip, Grayscale, Noise, Transform
from .windows import ViewGeometry, Windows

# fmt: off
__all__ = [
    "Augmentation", "Distance", "Draws", "Flip", "Grayscale", "Noise", "Transform", "ViewGeometry",
    "ViewKey", "Windows",
]
