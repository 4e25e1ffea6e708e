"""Classifiers: judges whose output is one logit a class."""

from dataclasses import replace
from pathlib import Path

import timm
from torch import nn

from ..classifier import Classifier
from .timm_models import _timm_classifier
from .torchvision_models import (
    _torchvision_classifier,
    _torchvision_module,
    _torchvision_names,
    list_torchvision_architectures,
)
from .weights import StateDict, fit_weights, read_weights


def list_file_architectures() -> list[str]:
    """Every architecture that a checkpoint on disk may have, with the library that builds it."""
    names = [("torchvision", name) for name in list_torchvision_architectures()]
    names += [("timm", name) for name in sorted(timm.list_models())]
    return [f"{library}/{name}" for library, name in names]


def load_classifier_file(path: Path, architecture: str) -> Classifier:
    """A classifier from a checkpoint on disk; its architecture is named 'timm/…' or 'torchvision/…'.

    The number of classes is the checkpoint's own. ValueError when the file is damaged, holds code, or does not fit.
    """
    library, _, name = architecture.partition("/")
    known = {"timm": _timm_names, "torchvision": list_torchvision_architectures}
    if library not in known or name not in known[library]():
        raise ValueError(
            f"architecture '{architecture}' is unknown; write timm/NAME or torchvision/NAME, such as timm/resnet18"
        )
    state = read_weights(path)
    if library == "timm":
        module = timm.create_model(name, pretrained=False)
        classes = _head_classes(module, state)
        if classes not in (None, module.num_classes):
            module = timm.create_model(name, pretrained=False, num_classes=classes)
        loaded = _timm_classifier(name, fit_weights(module, state, path.name, architecture))
    else:
        state = _torchvision_names(state)
        module = _torchvision_module(name, 1000)
        classes = _head_classes(module, state)
        if classes not in (None, 1000):
            module = _torchvision_module(name, classes)
        loaded = _torchvision_classifier(name, fit_weights(module, state, path.name, architecture))
    return replace(loaded, name=path.stem)


def _timm_names() -> list[str]:
    # A tag ('resnet18.a1_in1k') tells the size, mean and deviation that a checkpoint was trained with.
    return [*timm.list_models(), *timm.list_models(pretrained=True)]


def _head_classes(module: nn.Module, state: StateDict) -> int | None:
    """How many classes a checkpoint has: the rows of what is this architecture's last layer; None if it lacks that."""
    *_, head = (name for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d))
    weight = state.get(f"{head}.weight")
    return None if weight is None or weight.ndim < 2 else weight.shape[0]
