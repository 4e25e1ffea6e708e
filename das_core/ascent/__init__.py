"""Gradient ascent: the loop that moves a stack up the score of some objectives, and the parts of one step."""

from .loop import Ascent
from .optimizers import SGD, Adam, NormalizedAscent, Optimizer
from .result import AscentError, Record, Result, Step

__all__ = ["SGD", "Adam", "Ascent", "AscentError", "NormalizedAscent", "Optimizer", "Record", "Result", "Step"]
