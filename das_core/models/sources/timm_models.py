"""Classifiers of timm (Wightman, 2019) with pretrained weights, most of them from the Hugging Face hub."""

import re
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
from huggingface_hub import try_to_load_from_cache
from safetensors import SafetensorError
from timm.data import resolve_data_config
from torch import nn

from ...common.interruption import interruptible_building
from ...common.text import shorten
from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from ..label_sets import imagenet_labels
from .download import Progress, download
from .hub import fetch_file
from .weights import read_weights

_MIN_CLASSES_BEYOND_IMAGENET = 10_000

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""The names of the files of timm's weights on the hub."""

_CHECKED = {".safetensors", ".pth", ".pt", ".bin"}
"""The suffixes of the files that `read_weights` reads; timm also reads NumPy files."""

_DIGEST = re.compile("[0-9a-f]{8,64}")


def list_timm_architectures() -> list[str]:
    """Return every classifier of timm that has pretrained weights, as 'architecture.tag'."""
    return sorted(name for name in timm.list_models(pretrained=True) if _is_classifier(name))


# Cached, because the nodes list these models for every schema, and ComfyUI asks for schemas several times in each run.
@cache
def _is_classifier(name: str) -> bool:
    """Return whether the outputs of a pretrained model of timm are the logits of classes."""
    # For other models, `num_classes` is 0 (they return features) or 384 to 1280 (the width of a CLIP's embeddings).
    classes = timm.models.get_pretrained_cfg(name).num_classes
    return classes == len(imagenet_labels()) or classes > _MIN_CLASSES_BEYOND_IMAGENET


def load_timm(architecture: str, folder: Path, progress: Progress | None = None) -> Classifier:
    """Load a classifier of timm with pretrained weights.

    Args:
        architecture: one of `list_timm_architectures`, such as 'resnet18.a1_in1k'.
        folder: the folder that keeps downloads of the hub, with a folder for each repository; a file that is not there
            is downloaded into it. Weights that the hub's own client has stored in this folder are used too. Weights
            that are published elsewhere than on the hub are stored in this folder itself.
        progress: is called during a download, with the number of bytes of the file that have arrived and with their
            total (0 if it is not known).

    Raises:
        ValueError: when timm has no pretrained classifier of that name, when its weights cannot be downloaded (the
            message names the file and the folder to put it into), or when they are damaged.

    Example:
        >>> from pathlib import Path
        >>> from das_core import load_timm
        >>> load_timm("resnet18.a1_in1k", Path("models/classifiers/timm")).size  # doctest: +SKIP
        224
    """
    if architecture not in list_timm_architectures():
        raise ValueError(
            f"timm has no pretrained classifier '{shorten(architecture)}'; see timm.list_models(pretrained=True)"
        )
    path = _fetch_weights(architecture, folder, progress)
    # `custom_load` is off: it makes timm read the weights of some architectures in the format of their authors, but no
    # file that is downloaded here has this format.
    source = {"file": str(path), "custom_load": False}
    try:
        if path.suffix in _CHECKED:
            # This call refuses a file that claims more than it holds; timm would read such a file. A file in a current
            # format is only mapped into memory by this call, so its numbers are read only once, by timm.
            read_weights(path)
        with interruptible_building():
            module = timm.create_model(architecture, pretrained=True, pretrained_cfg_overlay=source)
    except (OSError, RuntimeError, ValueError, SafetensorError, UnpicklingError) as error:
        raise ValueError(
            f"the weights of {architecture} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); "
            f"delete {path} and run again"
        ) from error
    return wrap_timm_module(architecture, module)


def _fetch_weights(architecture: str, folder: Path, progress: Progress | None) -> Path:
    """Return the path of the weights of a pretrained architecture; download them if `folder` does not have them yet."""
    config = timm.models.get_pretrained_cfg(architecture)
    if not config.hf_hub_id:
        # The weights are not on the hub. The name of such a file usually ends with the beginning of its SHA-256.
        digest = Path(config.url).stem.rpartition("-")[2]
        return download(config.url, folder, digest if _DIGEST.fullmatch(digest) else "", progress)
    # The folder may also hold the file in the layout of `huggingface_hub`, which `fetch_file` does not search.
    cached = (try_to_load_from_cache(config.hf_hub_id, name, folder) for name in _HUB_FILES)
    stored = next((path for path in cached if isinstance(path, str)), None)
    return Path(stored) if stored else fetch_file(config.hf_hub_id, _HUB_FILES, folder, progress)


def build_timm_module(architecture: str, **options: Any) -> nn.Module:
    """Build an architecture of timm without loading weights.

    Args:
        architecture: its name, such as 'resnet18'.
        options: further arguments of `timm.create_model`, such as `num_classes`.
    """
    with interruptible_building():
        return timm.create_model(architecture, pretrained=False, **options)


def wrap_timm_module(architecture: str, module: nn.Module) -> Classifier:
    """Return a classifier made from a model of timm whose weights are loaded already.

    Args:
        architecture: the name of the classifier.
        module: as timm has built it; its configuration gives the size and the normalisation of the views. It is frozen
            in place.

    Raises:
        ValueError: when the output of the module for a view is not one finite number per class.
    """
    config = resolve_data_config({}, model=module)
    return build_classifier(
        architecture,
        module,
        config["input_size"][-1],
        to_triple(config["mean"]),
        to_triple(config["std"]),
        copy=False,
    )
