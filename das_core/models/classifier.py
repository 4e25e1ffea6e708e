"""Classifiers: judges whose output is one logit a class."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import timm
import torch
import torchvision
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError
from timm.data import resolve_data_config
from torch import Tensor, nn

from ..images import check_images, squared
from .download import download, reach
from .judge import Judge, freeze, triple
from .labels import Labels, imagenet, labels_for
from .weights import StateDict, fit_weights, read_weights

Progress = Callable[[int, int], None]

_FEWEST_BEYOND_IMAGENET = 10_000
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm's weights are called on the hub."""


@dataclass(frozen=True, kw_only=True)
class Classifier(Judge):
    """A judge with one logit (V, classes) for each of its labels."""

    labels: Labels

    def probabilities(self, images: Tensor) -> Tensor:
        """How sure it is of every class (B, classes), 0..1, of images (B, 3, H, W), 0..1, each seen whole.

        An oblong image is shown by its middle square, as such models are tested. ValueError when they are no images.
        """
        check_images(images, "the image to classify")
        with torch.no_grad():
            return torch.cat([self(part) for part in squared(images, self.size).split(16)]).softmax(dim=1)


def torchvision_architectures() -> list[str]:
    """Every classification architecture of torchvision."""
    return sorted(torchvision.models.list_models(module=torchvision.models))


def torchvision_fetched(folder: Path) -> list[str]:
    """Those of them whose default weights lie in `folder` already."""
    default = {name: torchvision.models.get_model_weights(name).DEFAULT.url for name in torchvision_architectures()}
    return [name for name, url in default.items() if (folder / url.rpartition("/")[2]).is_file()]


def timm_architectures() -> list[str]:
    """Every classifier of timm that has weights on the hub, as architecture.tag."""
    return sorted(name for name in timm.list_models(pretrained=True) if _is_classifier(name))


def _is_classifier(name: str) -> bool:
    # Elsewhere timm counts as classes what is none: 0 for features, 384 to 1280 for the embeddings of CLIP towers.
    classes = timm.models.get_pretrained_cfg(name).num_classes
    return classes == len(imagenet()) or classes > _FEWEST_BEYOND_IMAGENET


def file_architectures() -> list[str]:
    """Every architecture that a checkpoint on disk may have, with the library that builds it."""
    names = [("torchvision", name) for name in torchvision_architectures()]
    names += [("timm", name) for name in sorted(timm.list_models())]
    return [f"{library}/{name}" for library, name in names]


def _torchvision_module(architecture: str, classes: int) -> nn.Module:
    builder = torchvision.models.get_model_builder(architecture)
    options: dict[str, object] = {"num_classes": classes}
    if architecture in ("googlenet", "inception_v3"):
        # Their published weights expect this shift of the input; a random start would only cost time.
        options |= {"transform_input": True, "init_weights": False}
    module: nn.Module = builder(weights=None, **options)
    return module


def load_torchvision(architecture: str, folder: Path, progress: Progress | None = None) -> Classifier:
    """A torchvision classifier with its default weights, fetched into `folder` unless they are there already."""
    if architecture not in torchvision_architectures():
        raise ValueError(f"torchvision has no classifier '{architecture}'; see torchvision.models for the list")
    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    digest = Path(weights.url).stem.rpartition("-")[2]
    path = download(weights.url, folder, digest, progress)
    module = _torchvision_module(architecture, len(weights.meta["categories"]))
    fit_weights(module, _torchvision_names(read_weights(path)), path.name, architecture)
    return _torchvision_classifier(architecture, module)


def _torchvision_names(state: StateDict) -> StateDict:
    # The densenets were saved when a name could still hold a dot: norm.1 is norm1 by now.
    dotted = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
    return StateDict({dotted.sub(r"\1\2", name): value for name, value in state.items()}, state.versions)


def _torchvision_classifier(architecture: str, module: nn.Module) -> Classifier:
    preset = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
    size = preset.crop_size[0]
    return _classifier(architecture, module, size, triple(preset.mean), triple(preset.std))


def load_timm(architecture: str, folder: Path) -> Classifier:
    """A timm classifier with pretrained weights, fetched from its hub into `folder` unless they are there already."""
    if architecture not in timm_architectures():
        raise ValueError(f"timm has no pretrained classifier '{architecture}'; see timm.list_models(pretrained=True)")
    source: dict[str, str] = {}
    config = timm.models.get_pretrained_cfg(architecture)
    if config.hf_hub_id:
        fetched = (try_to_load_from_cache(config.hf_hub_id, name, folder) for name in _HUB_FILES)
        # Read as a file what is there: the hub would be asked about it otherwise, for half a minute if it is silent.
        source = next(({"file": path} for path in fetched if isinstance(path, str)), source)
    try:
        if config.hf_hub_id and not source and not constants.HF_HUB_OFFLINE:
            # The hub's own client tries for a minute or more before it gives up.
            reach(hf_hub_url(config.hf_hub_id, _HUB_FILES[0]))
        module = timm.create_model(architecture, pretrained=True, cache_dir=folder, pretrained_cfg_overlay=source)
    except (OSError, HTTPException, RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"the weights of {architecture} could not be had ({type(error).__name__}: {str(error)[:200]}); check the "
            f"connection, or put its file into {folder.parent} and load it as a file"
        ) from error
    return _timm_classifier(architecture, module)


def _timm_classifier(architecture: str, module: nn.Module) -> Classifier:
    config = resolve_data_config({}, model=module)
    return _classifier(architecture, module, config["input_size"][-1], triple(config["mean"]), triple(config["std"]))


def load_file(path: Path, architecture: str) -> Classifier:
    """A classifier from a checkpoint on disk; its architecture is named 'timm/…' or 'torchvision/…'.

    The number of classes is the checkpoint's own. ValueError when the file is damaged, holds code, or does not fit.
    """
    library, _, name = architecture.partition("/")
    known = {"timm": _timm_names, "torchvision": torchvision_architectures}
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


def _classifier(
    name: str,
    module: nn.Module,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Classifier:
    frozen = freeze(module)
    black = torch.zeros(1, 3, size, size).to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            output = frozen(black)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise ValueError(f"{name} does not take colour images of {size} x {size}; choose a classifier") from error
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"{name} does not answer with one number a class; choose a classifier")
    if not bool(output.isfinite().all()):
        raise ValueError(f"{name} answers with values that are no numbers; its weights are damaged, get them again")
    return Classifier(name, frozen, size, mean, std, labels=labels_for(output.shape[1]))
