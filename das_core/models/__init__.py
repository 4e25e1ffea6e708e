"""Judges: frozen models that classify images or embed them, the labels they use, and how a module becomes one."""

from .classifier import Classifier, build_classifier
from .clip import CLIP, TextTower, assemble_clip
from .judge import Judge, freeze
from .labels import Label, Labels, imagenet_labels

# fmt: off
__all__ = [
    "CLIP", "Classifier", "Judge", "Label", "Labels", "TextTower", "assemble_clip", "build_classifier",
    "freeze", "imagenet_labels",
]
