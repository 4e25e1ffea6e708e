"""Gradient ascent: the loop that changes a stack step by step to raise the scores of objectives, and its parts."""

from ..denoisers import Denoiser, TotalVariation
from .adam import Adam
from .ascent import Ascent
from .denoising import Denoising
from .focus import Focus
from .guidance import Guidance
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer
from .recipe import ATTACK, BEST, DREAM, FEATURE, PICTURE, SKETCH, STYLE, Recipe
from .result import AscentError, Record, Result, Step
from .sgd import SGD
from .steepest_ascent import SteepestAscent
from .within import Within

# fmt: off
__all__ = [
    "ATTACK", "BEST", "DREAM", "FEATURE", "PICTURE", "SGD", "SKETCH", "STYLE", "Adam", "Ascent",
    "AscentError", "Denoiser", "Denoising", "Focus", "Guidance", "NormalizedAscent", "Optimizer",
    "Recipe", "Record", "Result", "SteepestAscent", "Step", "TotalVariation", "Within",
]
