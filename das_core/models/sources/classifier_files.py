"""Classifiers of timm and torchvision whose weights are a checkpoint on disk."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from ...common.scalars import as_whole
from ...common.text import shorten
from ..classifier import Classifier
from ..embedder import Embedder
from ..judge import to_triple
from ..photograph_check import check_later
from .classifier_guess import guess_architecture
from .layouts import check_normalization, choose_tensors, find_normalization, read_config, take_part
from .timm_models import build_timm_module, wrap_timm_module
from .torchvision_models import (
    build_torchvision_module,
    list_torchvision_architectures,
    rename_torchvision_tensors,
    wrap_torchvision_module,
)
from .weights import UndrawnWeights, fit_weights, is_plain, read_weights

_LOG = logging.getLogger(__name__)

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


def load_classifier_file(
    path: Path, architecture: str | None = None, prefix: str | None = None
) -> Classifier | Embedder:
    """Load a classifier, or a model without classes, from a checkpoint on disk, see `load`. Mean and standard deviation
    are those of a module that normalises views, as in robustness and RobustBench; a tag of timm
    ('timm/resnet18.a1_in1k') names published ones."""
    if architecture is not None:
        _check_architecture(architecture)
    state, config = read_weights(path), dict[str, Any]()
    if architecture is None:
        # timm writes it beside the weights into a folder for the hub.
        config = read_config(path, "config.json")
        named = config.get("architecture")
        known = isinstance(named, str) and named in timm.list_models()
        architecture = f"timm/{named}" if known else guess_architecture(state, path.name, COMMON_ARCHITECTURES, prefix)
    published = take_part(config, "pretrained_cfg")
    library, _, name = architecture.partition("/")
    build: Callable[..., nn.Module] = build_timm_module
    wrap = wrap_timm_module
    if library == "torchvision":
        state = rename_torchvision_tensors(state)
        build, wrap = build_torchvision_module, wrap_torchvision_module
    # The module is built once to find its last layer, and again if the checkpoint has another number of classes.
    with UndrawnWeights():
        module = build(name)
        own = {key: value.shape for key, value in module.state_dict().items()}
        chosen = choose_tensors(state, own, path.name, prefix)
        classes = _count_classes(module, chosen)
        if classes not in (None, getattr(module, "num_classes", 1000)):
            module = build(name, num_classes=classes)
    used = {id(value) for value in chosen.values()}
    if left := [name for name, value in state.items() if id(value) not in used]:
        _LOG.info("'%s': read as %s, without %d tensors, such as %s", path.name, architecture, len(left), left[0])
    classifier = wrap(name, fit_weights(module, chosen, path.name, architecture))
    own = {"mean": classifier.mean, "std": classifier.std}
    seen = find_normalization(state) or check_normalization(published) or own
    shape = published.get("input_size")
    side = as_whole(shape[-1]) if isinstance(shape, list) and shape else None
    size = side if side is not None and 32 <= side <= 1024 else classifier.size
    mean, std = to_triple(seen["mean"]), to_triple(seen["std"])
    classifier = replace(classifier, name=path.stem, size=size, mean=mean, std=std)
    if not _has_classes(module):
        return classifier.convert_to(Embedder, width=len(classifier.labels))
    return check_later(classifier)


def _has_classes(module: nn.Module) -> bool:
    """Return whether a model of timm or torchvision has a last layer for classes, unlike DINOv3."""
    return getattr(module, "num_classes", None) != 0


def _check_architecture(architecture: str) -> None:
    tagged = [f"timm/{name}" for name in timm.list_models(pretrained=True)]
    # Checked before timm sees it, which would also accept 'hf-hub:OWNER/REPOSITORY' and 'local-dir:FOLDER'.
    if architecture not in [*list_file_architectures(), *tagged]:
        raise ValueError(
            f"architecture '{shorten(architecture)}' is unknown; write timm/NAME or torchvision/NAME, such as "
            "timm/resnet18"
        )


def _count_classes(module: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """Return how many classes a checkpoint has; None if it has no weight that fits the last layer of the module."""
    *_, (head, last) = (
        (name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)
    )
    weight = state.get(f"{head}.weight") if _has_classes(module) else None
    # `is_plain` first: a file of a few bytes can hold a meta tensor, which has a shape of millions of rows, no numbers.
    if weight is None or not is_plain(weight) or weight.ndim < 2 or weight.shape[1:] != last.weight.shape[1:]:
        return None
    return weight.shape[0] or None
