"""The nodes, one file for each room of das_core; `bridge` is the border to ComfyUI."""

from .augment import Augmentation
from .classes import ClassObjective
from .classifier import LoadClassifier
from .clip import LoadCLIP
from .comfyui_clip import CLIPFromComfyUI
from .edit import EditStack, StackLevels
from .feature import FeatureObjective, ListLayers
from .image import ImageObjective
from .inspect import Classify, Similarity
from .optimize import Optimize
from .prior import Prior
from .region import Region
from .rerender import StackToImage
from .scheduled import Schedule
from .spectrum import PlotHistory, Spectrum
from .stack import ImageStack
from .stackfile import LoadStack, SaveStack
from .style import ContentObjective, StyleObjective
from .text import TextObjective
from .transforms import ColorShift, PatchMask, Perspective

NODES = [
    LoadClassifier,
    LoadCLIP,
    CLIPFromComfyUI,
    ImageStack,
    Augmentation,
    ColorShift,
    Perspective,
    PatchMask,
    ClassObjective,
    TextObjective,
    ImageObjective,
    StyleObjective,
    ContentObjective,
    FeatureObjective,
    Region,
    Prior,
    Schedule,
    Optimize,
    StackToImage,
    StackLevels,
    EditStack,
    SaveStack,
    LoadStack,
    Classify,
    Similarity,
    Spectrum,
    PlotHistory,
    ListLayers,
]
"""Every node of the pack, in the order of a graph."""
