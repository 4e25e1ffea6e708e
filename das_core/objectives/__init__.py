"""Objectives: scores that an ascent raises, computed from the answers of judges or from the pixels of the canvas."""

from .change import in_region, over_frames, over_keyframes, over_steps, share_views
from .classes import class_objective
from .content import content_objective
from .diversity import diversity_objective
from .embedding import image_objective, text_objective
from .feature import feature_objective
from .per_image import one_per_image
from .priors import CanvasPixels, prior
from .style import style_objective
from .term import Objective, Term, make_objective
from .track import Fade, Track

# fmt: off
__all__ = [
    "CanvasPixels", "Fade", "Objective", "Term", "Track", "class_objective", "content_objective", "diversity_objective",
    "feature_objective", "image_objective", "in_region", "make_objective", "one_per_image",
    "over_frames", "over_keyframes", "over_steps", "prior", "share_views", "style_objective", "text_objective",
]
