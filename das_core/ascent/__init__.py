"""Gradient ascent: the loop that changes a stack step by step to raise the scores of objectives, and its parts."""

from .act_text import read_acts, split_acts, write_acts
from .acts import Choose, GoOn, Place, Protect, Weigh
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
    "AscentError", "Choose", "Denoising", "Focus", "GoOn", "Guidance", "NormalizedAscent", "Optimizer", "Place",
    "Protect", "Recipe", "Record", "Result", "SteepestAscent", "Step", "Weigh", "Within", "read_acts",
    "split_acts", "write_acts",
]
