"""Looks: what a picture is made of, seen by the judges while it climbs."""

from .catalog import LOOKS
from .cells import Cells
from .ink import Ink
from .look import Look
from .paint import Paint
from .regions import Glass, LowPoly

__all__ = ["LOOKS", "Cells", "Glass", "Ink", "Look", "LowPoly", "Paint"]
