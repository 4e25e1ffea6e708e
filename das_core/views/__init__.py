"""Views of a canvas: windows cut out of it, transformed, each by draws of its own."""

from .augmentation import Augmentation
from .draws import Draws, ViewKey
from .geometry import ViewGeometry
from .transforms import ColorShift, Flip, Noise, PatchMask, Perspective, Transform
from .windows import Windows

# fmt: off
__all__ = [
    "Augmentation", "ColorShift", "Draws", "Flip", "Noise", "PatchMask", "Perspective", "Transform",
    "ViewGeometry", "ViewKey", "Windows",
]
