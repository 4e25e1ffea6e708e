"""Classifiers: judges whose output is one logit a class."""

import re
from pathlib import Path

import torchvision
from torch import nn

from ..classifier import Classifier, build_classifier
from ..judge import to_triple
from .download import Progress, download
from .weights import StateDict, fit_weights, read_weights


def list_torchvision_architectures() -> list[str]:
    """Every classification architecture of torchvision."""
    return sorted(torchvision.models.list_models(module=torchvision.models))


def list_downloaded_torchvision(folder: Path) -> list[str]:
    """Those of them whose default weights lie in `folder` already."""
    default = {
        name: torchvision.models.get_model_weights(name).DEFAULT.url for name in list_torchvision_architectures()
    }
    return [name for name, url in default.items() if (folder / url.rpartition("/")[2]).is_file()]


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
    if architecture not in list_torchvision_architectures():
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
    return build_classifier(architecture, module, size, to_triple(preset.mean), to_triple(preset.std))
