"""Classifiers of timm and torchvision whose weights are a checkpoint on disk."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import timm
from torch import Tensor, nn

from ...common.text import shorten
from ..classifier import Classifier
from .timm_models import build_timm_module, wrap_timm_module
from .torchvision_models import (
    build_torchvision_module,
    list_torchvision_architectures,
    rename_torchvision_tensors,
    wrap_torchvision_module,
)
from .weights import UndrawnWeights, fit_weights, is_plain, read_weights

COMMON_ARCHITECTURES = (
    "timm/resnet50", "timm/resnet18", "timm/efficientnet_b0", "timm/mobilenetv3_large_100", "timm/convnext_tiny",
    "timm/convnext_base", "timm/vit_base_patch16_224", "timm/vit_small_patch16_224",
    "timm/swin_tiny_patch4_window7_224", "torchvision/resnet50", "torchvision/resnet18",
    "torchvision/efficientnet_b0", "torchvision/mobilenet_v3_large", "torchvision/convnext_tiny",
    "torchvision/vit_b_16", "torchvision/vgg16",
)  # fmt: skip
"""The most common architectures of users' own classifiers; the list of architectures begins with them."""


def list_file_architectures() -> list[str]:
    """Return every architecture that a checkpoint on disk may have ('timm/NAME'), the common ones first."""
    names = [f"torchvision/{name}" for name in list_torchvision_architectures()]
    names += [f"timm/{name}" for name in sorted(timm.list_models())]
    return list(dict.fromkeys([*COMMON_ARCHITECTURES, *names]))


def load_classifier_file(path: Path, architecture: str) -> Classifier:
    """Load a classifier from a checkpoint on disk, which decides the number of classes; no code in the file is run.

    Args:
        path: a .safetensors file, or one that torch has saved (.pth, .pt, .bin); its name names the classifier.
        architecture: 'timm/NAME' or 'torchvision/NAME'. A name of timm may have a tag ('timm/resnet18.a1_in1k'); the
            size and the normalisation of the views are then those of the published weights with this tag.

    Raises:
        ValueError: when the architecture is unknown, or the file is missing, damaged, has code or does not fit.

    Example:
        >>> classifier = load_classifier_file(Path("my_model.pth"), "timm/resnet18")  # doctest: +SKIP
    """
    tagged = [f"timm/{name}" for name in timm.list_models(pretrained=True)]
    # Checked before timm sees it, which would also accept 'hf-hub:OWNER/REPOSITORY' and 'local-dir:FOLDER'.
    if architecture not in [*list_file_architectures(), *tagged]:
        raise ValueError(
            f"architecture '{shorten(architecture)}' is unknown; write timm/NAME or torchvision/NAME, such as "
            "timm/resnet18"
        )
    library, _, name = architecture.partition("/")
    state = read_weights(path)
    build: Callable[..., nn.Module] = build_timm_module
    wrap = wrap_timm_module
    if library == "torchvision":
        state = rename_torchvision_tensors(state)
        build, wrap = build_torchvision_module, wrap_torchvision_module
    # The module is built once to find its last layer, and again if the checkpoint has another number of classes.
    with UndrawnWeights():
        module = build(name)
        classes = _count_classes(module, state)
        if classes not in (None, getattr(module, "num_classes", 1000)):
            module = build(name, num_classes=classes)
    return replace(wrap(name, fit_weights(module, state, path.name, architecture)), name=path.stem)


def _count_classes(module: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """Return how many classes a checkpoint has; None if it has no weight that fits the last layer of the module."""
    *_, (head, last) = (
        (name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)
    )
    weight = state.get(f"{head}.weight")
    # `is_plain` first: a file of a few bytes can hold a meta tensor, which has a shape of millions of rows, no numbers.
    if weight is None or not is_plain(weight) or weight.ndim < 2 or weight.shape[1:] != last.weight.shape[1:]:
        return None
    return weight.shape[0] or None
