"""Two photographs that every classifier of ImageNet knows: they show whether its images and its labels are right."""

import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .classifier import Classifier
from .judge import Judge
from .labels import imagenet_labels

_PHOTOGRAPHS = {"coffee.jpg": (504, 967, 968), "cat.jpg": (281, 282, 285)}
"""scikit-image's `coffee` (by Rachel Michetti) and `chelsea` (by Stéfan van der Walt), both CC0, and the classes that
are right: coffee mug, espresso and cup; tabby, tiger cat and Egyptian cat."""

_UNSURE = 0.01  # The largest probability of a network that was not trained is below this.


_LOG = logging.getLogger(__name__)
_logged: set[str] = set()  # The warnings so far: a model that is wrapped again is not said again.

_UNCHECKED = "unchecked"  # The attribute of a module, and of its copies, of which no class has been asked.


def check_later(classifier: Classifier) -> Classifier:
    """Return a classifier that `log_misreading` checks when it is first asked for its classes."""
    classifier.module.__dict__[_UNCHECKED] = True
    return classifier


def log_misreading(judge: Judge) -> None:
    """Log the warnings of `describe_misreading` of the members of a judge that are to be checked, each once."""
    for member in judge.members:
        if isinstance(member, Classifier) and member.module.__dict__.get(_UNCHECKED):
            warning = describe_misreading(member)
            if warning and warning not in _logged:
                _logged.add(warning)
                _LOG.warning("%s", warning)


def describe_misreading(classifier: Classifier) -> str | None:
    """Return a warning when a classifier with ImageNet's classes takes neither photograph for what it shows; else None.
    Values that are 0..255 or a wrong order of the classes are found out so."""
    classifier.module.__dict__.pop(_UNCHECKED, None)
    if classifier.labels != imagenet_labels():
        return None
    folder = Path(__file__).parent
    pixels = np.stack([np.asarray(Image.open(folder / name)) for name in _PHOTOGRAPHS])
    images = torch.from_numpy(pixels).movedim(-1, 1) / 255
    sure, first = classifier.probabilities(images).max(dim=1)
    right = [int(index) in classes for index, classes in zip(first, _PHOTOGRAPHS.values(), strict=True)]
    if any(right) or float(sure.max()) < _UNSURE:
        return None
    cup, cat = (classifier.labels.name(int(index)) for index in first)
    return (
        f"{classifier.name} takes a cup of coffee for {cup} and a cat for {cat}: size, mean, std or labels are "
        "probably those of another model, or it was not trained on ImageNet"
    )
