"""Views of a canvas: windows that are cut out of it at random, resized and transformed, for a judge to see."""

from .augmentation import Augmentation
from .color_transforms import ColorShift, Grayscale
from .distance import Distance
from .draws import Draws, ViewKey
from .transforms import Flip, Noise, Transform
from .windows import ViewGeometry, Windows

# fmt: off
__all__ = [
    "Augmentation", "ColorShift", "Distance", "Draws", "Flip", "Grayscale", "Noise", "Transform", "ViewGeometry",
    "ViewKey", "Windows",
]
