"""Classifiers of timm and torchvision whose weights are a checkpoint on disk."""

from dataclasses import replace
from pathlib import Path

import timm
from torch import nn

from ...common.text import shorten
from ..classifier import Classifier
from .names import sort_common_first
from .timm_models import build_timm_module, wrap_timm_module
from .torchvision_models import (
    build_torchvision_module,
    list_torchvision_architectures,
    rename_torchvision_tensors,
    wrap_torchvision_module,
)
from .weights import StateDict, fit_weights, is_plain, read_weights

COMMON_ARCHITECTURES = (
    "timm/resnet50",
    "timm/resnet18",
    "timm/efficientnet_b0",
    "timm/mobilenetv3_large_100",
    "timm/convnext_tiny",
    "timm/convnext_base",
    "timm/vit_base_patch16_224",
    "timm/vit_small_patch16_224",
    "timm/swin_tiny_patch4_window7_224",
    "torchvision/resnet50",
    "torchvision/resnet18",
    "torchvision/efficientnet_b0",
    "torchvision/mobilenet_v3_large",
    "torchvision/convnext_tiny",
    "torchvision/vit_b_16",
    "torchvision/vgg16",
)
"""The most common architectures of users' own classifiers; the list of architectures begins with them."""


def list_file_architectures() -> list[str]:
    """Return every architecture that a checkpoint on disk may have, the common ones first.

    Returns:
        Names as 'torchvision/NAME' or 'timm/NAME'.

    Example:
        >>> from das_core.models.sources.classifier_files import list_file_architectures
        >>> list_file_architectures()[:2]
        ['timm/resnet50', 'timm/resnet18']
    """
    names = [f"torchvision/{name}" for name in list_torchvision_architectures()]
    names += [f"timm/{name}" for name in sorted(timm.list_models())]
    return sort_common_first(names, COMMON_ARCHITECTURES)


def load_classifier_file(path: Path, architecture: str) -> Classifier:
    """Load a classifier from a checkpoint on disk.

    The checkpoint decides the number of classes; the file name without its suffix becomes the name of the classifier.
    No code in the file is run.

    Args:
        path: a .safetensors file, or one that torch has saved (.pth, .pt, .bin).
        architecture: 'timm/NAME' or 'torchvision/NAME'. A name of timm may have a tag ('timm/resnet18.a1_in1k'); the
            size and the normalisation of the views are then those of the published weights with this tag.

    Raises:
        ValueError: when the architecture is unknown; when the file is missing, is damaged, contains code or does not
            fit the architecture; or when the logits of the model are not finite.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import timm, torch
        >>> from das_core import load_classifier_file
        >>> module = timm.create_model("mobilenetv3_small_050", num_classes=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "my_model.pth"
        ...     torch.save(module.state_dict(), path)
        ...     classifier = load_classifier_file(path, "timm/mobilenetv3_small_050")
        >>> classifier.name, classifier.size, len(classifier.labels)
        ('my_model', 224, 10)
    """
    library, _, name = architecture.partition("/") if isinstance(architecture, str) else ("", "", "")
    known = {"timm": _list_timm_names, "torchvision": list_torchvision_architectures}
    if library not in known or name not in known[library]():
        raise ValueError(
            f"architecture '{shorten(architecture)}' is unknown; write timm/NAME or torchvision/NAME, such as "
            "timm/resnet18"
        )
    state = read_weights(path)
    if library == "timm":
        module = build_timm_module(name)
        # The module is built once to find its last layer, and again if the checkpoint has another number of classes.
        classes = _count_classes(module, state)
        if classes not in (None, module.num_classes):
            module = build_timm_module(name, num_classes=classes)
        loaded = wrap_timm_module(name, fit_weights(module, state, path.name, architecture))
    else:
        state = rename_torchvision_tensors(state)
        module = build_torchvision_module(name, 1000)
        classes = _count_classes(module, state)
        if classes not in (None, 1000):
            module = build_torchvision_module(name, classes)
        loaded = wrap_torchvision_module(name, fit_weights(module, state, path.name, architecture))
    return replace(loaded, name=path.stem)


def _list_timm_names() -> list[str]:
    """Return every name of an architecture of timm, with and without a tag."""
    # A tag ('resnet18.a1_in1k') selects the size, mean and standard deviation of the published weights with this tag.
    return [*timm.list_models(), *timm.list_models(pretrained=True)]


def _count_classes(module: nn.Module, state: StateDict) -> int | None:
    """Return how many classes a checkpoint has; None if it has no weight that fits the last layer of the module."""
    *_, (head, last) = (
        (name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)
    )
    weight = state.get(f"{head}.weight")
    # `is_plain` is checked before a layer of this size is built: a file of a few bytes can contain a meta tensor, which
    # has a shape, of three million rows for example, but no numbers.
    if weight is None or not is_plain(weight) or weight.ndim < 2 or weight.shape[1:] != last.weight.shape[1:]:
        return None
    return weight.shape[0] or None
