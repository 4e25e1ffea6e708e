"""The loop that lets a stack climb, and all that a step is made of."""

from .loop import Ascent
from .optimizers import SGD, Adam, NormalizedAscent, Optimizer
from .result import AscentError, Record, Result, Step

__all__ = ["SGD", "Adam", "Ascent", "AscentError", "NormalizedAscent", "Optimizer", "Record", "Result", "Step"]
