"""Classifiers of timm (Wightman, 2019) with pretrained weights, most of them from the Hugging Face hub."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config
from torch import nn

from ...common.interruption import interruptible_building, is_cancellation
from ...common.text import shorten
from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from ..labels import imagenet_labels
from .checkpoints import LAYOUTS
from .download import Progress, download, fetch_file
from .weights import read_weights


def list_timm_architectures() -> list[str]:
    """Return every classifier of timm that has pretrained weights, as 'architecture.tag', the common ones first."""
    names = sorted(name for name in timm.list_models(pretrained=True) if _is_classifier(name))
    common = [name for name in LAYOUTS["common"]["timm"] if name in names]
    return list(dict.fromkeys([*common, *names]))


# Cached, because the nodes list these models for every schema, and ComfyUI asks for schemas several times in each run.
@cache
def _is_classifier(name: str) -> bool:
    """Return whether the outputs of a pretrained model of timm are the logits of classes."""
    # For other models, `num_classes` is 0 (they return features) or 384 to 1280 (the width of a CLIP's embeddings).
    classes = timm.models.get_pretrained_cfg(name).num_classes
    return classes == len(imagenet_labels()) or classes > 10_000


def load_timm(architecture: str, folder: Path, progress: Progress | None = None) -> Classifier:
    """Load a classifier of timm with pretrained weights.

    Args:
        architecture: a name with its tag, such as 'resnet18.a1_in1k', of `timm.list_models(pretrained=True)`.
        folder: keeps downloads, with a folder for each repository of the hub; a missing file is downloaded into it.
        progress: is called during a download, with the bytes that have arrived and their total (0 if unknown).

    Raises:
        ValueError: when there is no such classifier, or its weights are damaged or cannot be downloaded.

    Example:
        >>> classifier = load_timm("resnet18.a1_in1k", Path("models/classifiers/timm"))  # doctest: +SKIP
    """
    if architecture not in list_timm_architectures():
        raise ValueError(
            f"timm has no pretrained classifier '{shorten(architecture)}'; see timm.list_models(pretrained=True)"
        )
    config = timm.models.get_pretrained_cfg(architecture)
    if config.hf_hub_id:
        path = fetch_file(config.hf_hub_id, ("model.safetensors", "pytorch_model.bin"), folder, progress)
    else:
        # The name of such a file usually ends with the beginning of its SHA-256.
        digest = re.search("-([0-9a-f]{8,64})$", Path(config.url).stem)
        path = download(config.url, folder, digest[1] if digest else "", progress)
    # `custom_load` would read the weights of some architectures in the format of their authors, which no file here has.
    source = {"file": str(path), "custom_load": False}
    try:
        # Refuses a file that claims more than it holds; one in a current format is only mapped into memory here.
        read_weights(path)
        with interruptible_building():
            module = timm.create_model(architecture, pretrained=True, pretrained_cfg_overlay=source)
    except Exception as error:
        if is_cancellation(error):
            raise
        raise ValueError(
            f"the weights of {architecture} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); "
            f"delete {path} and run again"
        ) from error
    return wrap_timm_module(architecture, module)


def build_timm_module(architecture: str, **options: Any) -> nn.Module:
    """Build an architecture of timm without loading weights; `options` go to `timm.create_model`."""
    with interruptible_building():
        return timm.create_model(architecture, pretrained=False, **options)


def wrap_timm_module(architecture: str, module: nn.Module) -> Classifier:
    """Return a classifier made from a model of timm with its weights, which is frozen in place."""
    config = resolve_data_config({}, model=module)
    return build_classifier(
        architecture, module, config["input_size"][-1], to_triple(config["mean"]), to_triple(config["std"])
    )
