"""Classifiers of torchvision with their published weights."""

import inspect
import os
from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from ...common.interruption import interruptible_building
from ...common.text import shorten
from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from .checkpoints import read_checkpoint
from .download import Progress, download
from .weights import UndrawnWeights, fit_weights


def list_torchvision_architectures() -> list[str]:
    """Return every classification architecture of torchvision, sorted by name."""
    return sorted(torchvision.models.list_models(module=torchvision.models))


def list_downloaded_torchvision(folder: Path) -> list[str]:
    """Return the architectures of torchvision whose default weights are in `folder`."""
    urls = {name: torchvision.models.get_model_weights(name).DEFAULT.url for name in list_torchvision_architectures()}
    # Unlike Path.is_file, os.path.isfile raises no error when a drive is gone.
    return [name for name, url in urls.items() if os.path.isfile(folder / url.rpartition("/")[2])]


def build_torchvision_module(architecture: str, num_classes: int = 1000) -> nn.Module:
    """Build an architecture of torchvision without loading weights; it has `num_classes` logits for a view."""
    builder = torchvision.models.get_model_builder(architecture)
    options: dict[str, object] = {"num_classes": num_classes}
    if architecture in ("googlenet", "inception_v3"):
        # Their weights need `transform_input`, another normalisation; `init_weights` would draw weights slowly.
        options |= {"transform_input": True, "init_weights": False}
    with interruptible_building():
        module: nn.Module = builder(weights=None, **options)
    return module


def load_torchvision(architecture: str, folder: Path, progress: Progress | None = None) -> Classifier:
    """Load a classifier of torchvision with its default weights.

    Args:
        architecture: its name, such as 'resnet18'.
        folder: where files of weights are; a missing file is downloaded into it.
        progress: is called during a download, with the bytes that have arrived and their total (0 if unknown).

    Raises:
        ValueError: when there is no such classifier, or its weights are damaged or cannot be downloaded.

    Example:
        >>> classifier = load_torchvision("resnet18", Path("models/classifiers"))  # doctest: +SKIP
    """
    if architecture not in list_torchvision_architectures():
        raise ValueError(
            f"torchvision has no classifier '{shorten(architecture)}'; see torchvision.models for the list"
        )
    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    path = download(weights.url, folder, Path(weights.url).stem.rpartition("-")[2], progress)
    with UndrawnWeights():
        module = build_torchvision_module(architecture, len(weights.meta["categories"]))
    fit_weights(module, read_checkpoint(path, "classifier"), path.name, architecture)
    return wrap_torchvision_module(architecture, module)


def wrap_torchvision_module(architecture: str, module: nn.Module) -> Classifier:
    """Return a classifier made from a module with its weights, which is frozen in place."""
    preset = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
    size = preset.crop_size[0]
    return build_classifier(architecture, module, size, to_triple(preset.mean), to_triple(preset.std))


def find_published_settings(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Return `size`, `mean` and `std` of the published weights of the architecture of a model, by their names. The
    architecture is found by the class of the model and, if it fits any, the number of its weights without its head."""
    published = {
        f"{name} {weights.name}": weights
        for name in list_torchvision_architectures()
        if isinstance(module, inspect.signature(torchvision.models.get_model_builder(name)).return_annotation)
        for weights in torchvision.models.get_model_weights(name)
    }
    # Weights without classes, such as those of VGG16 for style transfer, have NaN in the last layer.
    has_classes = all(bool(weight.isfinite().all()) for weight in list(module.parameters())[-1:])
    count = _count_weights(module)
    fits = {name for name, one in published.items() if (one.meta["categories"] is not None) == has_classes}
    fits &= {name for name in fits if published[name].meta["num_params"] == count} or fits
    presets = {name: one.transforms() for name, one in published.items() if name in (fits or published)}
    return {
        name: {"size": preset.crop_size[0], "mean": tuple(preset.mean), "std": tuple(preset.std)}
        for name, preset in presets.items()
    }


def _count_weights(module: nn.Module) -> int:
    """Return how many weights a model would have if its last part were a linear layer with ImageNet's 1,000 classes."""
    *_, last = module.children()
    inputs = next((part.in_features for part in last.modules() if isinstance(part, nn.Linear)), 0)
    own, replaced = (sum(weight.numel() for weight in part.parameters()) for part in (module, last))
    return own - replaced + 1000 * (inputs + 1)
