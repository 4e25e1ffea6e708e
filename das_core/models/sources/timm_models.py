"""Classifiers of timm (Wightman, 2019) with pretrained weights from its hub."""

from http.client import HTTPException
from pathlib import Path

import timm
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError
from timm.data import resolve_data_config
from torch import nn

from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from ..labels import imagenet_labels
from .download import check_reachable

_MIN_CLASSES_BEYOND_IMAGENET = 10_000

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm's weights are called on the hub."""


def list_timm_architectures() -> list[str]:
    """Return every classifier of timm that has weights on the hub, as 'architecture.tag'."""
    return sorted(name for name in timm.list_models(pretrained=True) if _is_classifier(name))


def _is_classifier(name: str) -> bool:
    """Return whether the outputs of a pretrained model of timm are the logits of classes."""
    # For other models timm gives other numbers here: 0 for features, 384 to 1280 for the embeddings of CLIP towers.
    classes = timm.models.get_pretrained_cfg(name).num_classes
    return classes == len(imagenet_labels()) or classes > _MIN_CLASSES_BEYOND_IMAGENET


def load_timm(architecture: str, folder: Path) -> Classifier:
    """Load a classifier of timm with pretrained weights.

    Args:
        architecture: one of `list_timm_architectures`, such as 'resnet18.a1_in1k'.
        folder: the cache folder of the hub's client; weights that are not in it are downloaded into it.

    Raises:
        ValueError: when timm has no pretrained classifier of that name, or when its weights are damaged or cannot be
            downloaded.

    Example:
        >>> from pathlib import Path
        >>> from das_core import load_timm
        >>> load_timm("resnet18.a1_in1k", Path("models/classifiers/timm")).size  # doctest: +SKIP
        224
    """
    if architecture not in list_timm_architectures():
        raise ValueError(f"timm has no pretrained classifier '{architecture}'; see timm.list_models(pretrained=True)")
    source: dict[str, str] = {}
    config = timm.models.get_pretrained_cfg(architecture)
    if config.hf_hub_id:
        cached = (try_to_load_from_cache(config.hf_hub_id, name, folder) for name in _HUB_FILES)
        # Weights in the cache are given as a file: timm would ask the hub about them otherwise, for half a minute if
        # the hub is silent.
        source = next(({"file": path} for path in cached if isinstance(path, str)), source)
    try:
        if config.hf_hub_id and not source and not constants.HF_HUB_OFFLINE:
            # The hub's own client tries for a minute or more before it gives up.
            check_reachable(hf_hub_url(config.hf_hub_id, _HUB_FILES[0]))
        module = timm.create_model(architecture, pretrained=True, cache_dir=folder, pretrained_cfg_overlay=source)
    except (OSError, HTTPException, RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"the weights of {architecture} could not be had ({type(error).__name__}: {str(error)[:200]}); check the "
            f"connection, or put its file into {folder.parent} and load it as a file"
        ) from error
    return wrap_timm_module(architecture, module)


def wrap_timm_module(architecture: str, module: nn.Module) -> Classifier:
    """Return a model of timm that has its weights as a classifier.

    Args:
        architecture: what the classifier is called.
        module: as timm has built it; the size and the normalisation of its views are read from it. It is frozen in
            place.

    Raises:
        ValueError: when it does not answer views with one finite number for each class.
    """
    config = resolve_data_config({}, model=module)
    return build_classifier(
        architecture, module, config["input_size"][-1], to_triple(config["mean"]), to_triple(config["std"])
    )
