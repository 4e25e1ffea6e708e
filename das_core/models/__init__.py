"""Judges: frozen models that classify or embed images, the labels of their classes, and how to make a judge."""

from .classifier import Classifier, build_classifier
from .clip import CLIP, assemble_clip
from .ensemble import ClassifierEnsemble, CLIPEnsemble
from .frozen import evaluating, freeze
from .judge import Judge
from .labels import Label, Labels, UnknownClassError, imagenet_labels
from .partial_classifier import PartialClassifier, make_partial_classifier
from .text_tower import TextTower

# fmt: off
__all__ = [
    "CLIP", "CLIPEnsemble", "Classifier", "ClassifierEnsemble", "Judge", "Label", "Labels", "PartialClassifier",
    "TextTower", "UnknownClassError", "assemble_clip", "build_classifier", "evaluating", "freeze", "imagenet_labels",
    "make_partial_classifier",
]
