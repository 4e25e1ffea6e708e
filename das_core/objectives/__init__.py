"""Objectives: scores that an ascent raises, computed from the answers of judges or from the pixels of the canvas."""

from .base import BaseObjective, Objective, Term
from .classes import ClassObjective
from .content import ContentObjective
from .diversity import DiversityObjective
from .embedding import EmbeddingObjective, ImageObjective, TextObjective
from .ensemble import EnsembleObjective
from .feature import FeatureObjective
from .joint import JointObjective
from .per_image import PerImageObjective
from .prior import CanvasPixels, Prior
from .style import StyleObjective
from .track import Track, make_tracks
from .wrapped import RegionObjective, ScheduledObjective, WrappedObjective

# fmt: off
__all__ = [
    "BaseObjective", "CanvasPixels", "ClassObjective", "ContentObjective", "DiversityObjective", "EmbeddingObjective",
    "EnsembleObjective", "FeatureObjective", "ImageObjective", "JointObjective", "Objective", "PerImageObjective",
    "Prior", "RegionObjective", "ScheduledObjective", "StyleObjective", "Term", "TextObjective", "Track",
    "WrappedObjective", "make_tracks",
]
