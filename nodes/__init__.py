"""The nodes, one file for each room of das_core; `bridge` is the border to ComfyUI."""

from .augment import Augmentation
from .classes import ClassObjective
from .classifier import LoadClassifier
from .inspect import Classify
from .optimize import Optimize
from .stack import ImageStack, StackToImage

NODES = [LoadClassifier, ImageStack, Augmentation, ClassObjective, Optimize, StackToImage, Classify]
"""Every node of the pack, in the order of a graph."""
