"""Classifiers of torchvision with their published weights."""

import inspect
import os
import re
from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from ...common.interruption import interruptible_building
from ...common.text import shorten
from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from .download import Progress, download
from .weights import StateDict, fit_weights, read_weights


def list_torchvision_architectures() -> list[str]:
    """Return every classification architecture of torchvision, sorted by name."""
    return sorted(torchvision.models.list_models(module=torchvision.models))


def list_downloaded_torchvision(folder: Path) -> list[str]:
    """Return the architectures of torchvision whose default weights are in `folder`."""
    default = {
        name: torchvision.models.get_model_weights(name).DEFAULT.url for name in list_torchvision_architectures()
    }
    # Unlike Path.is_file, os.path.isfile raises no error when a drive is gone.
    return [name for name, url in default.items() if os.path.isfile(folder / url.rpartition("/")[2])]


def build_torchvision_module(architecture: str, classes: int) -> nn.Module:
    """Build an architecture of torchvision without loading weights.

    Args:
        architecture: one of `list_torchvision_architectures`.
        classes: how many logits the module has for a view.
    """
    builder = torchvision.models.get_model_builder(architecture)
    options: dict[str, object] = {"num_classes": classes}
    if architecture in ("googlenet", "inception_v3"):
        # The published weights of these two need `transform_input`, which changes the normalisation of the input inside
        # the module. Without `init_weights`, no time is spent on a second, slower random initialisation of the weights.
        options |= {"transform_input": True, "init_weights": False}
    with interruptible_building():
        module: nn.Module = builder(weights=None, **options)
    return module


def load_torchvision(architecture: str, folder: Path, progress: Progress | None = None) -> Classifier:
    """Load a classifier of torchvision with its default weights.

    Args:
        architecture: one of `list_torchvision_architectures`, such as 'resnet18'.
        folder: where files of weights are; a file that is not there is downloaded into it.
        progress: is called during a download, with the number of bytes of the file that have arrived and with their
            total (0 if it is not known).

    Raises:
        ValueError: when torchvision has no such classifier, or when its weights are damaged or cannot be downloaded.

    Example:
        >>> from pathlib import Path
        >>> from das_core import load_torchvision
        >>> load_torchvision("resnet18", Path("models/classifiers")).size  # doctest: +SKIP
        224
    """
    if architecture not in list_torchvision_architectures():
        raise ValueError(
            f"torchvision has no classifier '{shorten(architecture)}'; see torchvision.models for the list"
        )
    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    digest = Path(weights.url).stem.rpartition("-")[2]
    path = download(weights.url, folder, digest, progress)
    module = build_torchvision_module(architecture, len(weights.meta["categories"]))
    fit_weights(module, rename_torchvision_tensors(read_weights(path)), path.name, architecture)
    return wrap_torchvision_module(architecture, module)


def rename_torchvision_tensors(state: StateDict) -> StateDict:
    """Return the tensors of a checkpoint under the names that they have in current versions of torchvision.

    The DenseNets were saved when the name of a module could still contain a dot: the former 'norm.1' is now 'norm1'.
    """
    dotted = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
    return StateDict({dotted.sub(r"\1\2", name): value for name, value in state.items()}, state.versions)


def wrap_torchvision_module(architecture: str, module: nn.Module) -> Classifier:
    """Return a classifier made from a model of torchvision whose weights are loaded already.

    Args:
        architecture: one of `list_torchvision_architectures`; the size and the normalisation of the views are those of
            its default weights.
        module: a module from `build_torchvision_module`, after its weights are loaded. It is not copied: its parameters
            are frozen.

    Raises:
        ValueError: when the output of the module for a view is not one finite number per class.
    """
    preset = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
    size = preset.crop_size[0]
    return build_classifier(architecture, module, size, to_triple(preset.mean), to_triple(preset.std), copy=False)


def find_published_settings(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Return what images the published weights of the architecture of a model were trained on.

    The architecture is found by the class of the model and, where the weights for this class differ, by the number of
    its weights. A last part that was replaced for other classes makes no difference.

    Args:
        module: a classifier of torchvision, with any weights.

    Returns:
        `size`, `mean` and `std` by the name of the published weights, such as 'regnet_y_16gf IMAGENET1K_V1'; those of
        all architectures of the class if the number of weights fits none. Empty for a model of another class.

    Example:
        >>> import torchvision
        >>> from das_core.models.sources.torchvision_models import find_published_settings
        >>> {name: known["size"] for name, known in find_published_settings(torchvision.models.swin_v2_t()).items()}
        {'swin_v2_t IMAGENET1K_V1': 256}
    """
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
    published = {name: one for name, one in published.items() if name in (fits or published)}
    presets = {name: weights.transforms() for name, weights in published.items()}
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
