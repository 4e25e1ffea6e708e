"""Classifiers: judges whose output is one logit a class."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import timm
import torch
import torchvision
from timm.data import resolve_data_config
from torch import Tensor, nn

from .judge import Judge, freeze, triple
from .labels import Labels, labels_for
from .weights import StateDict, download, fit_weights, read_weights

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Classifier(Judge):
    """A judge with one logit (V, classes) for each of its labels."""

    labels: Labels

    def probabilities(self, images: Tensor) -> Tensor:
        """How sure it is of every class (B, classes), 0..1, of images (B, 3, H, W), 0..1, each seen whole.

        An oblong image is shown by its middle square, as such models are tested.
        """
        side = min(images.shape[2:])
        top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
        square = images[:, :, top : top + side, left : left + side].float()
        if side != self.size:
            square = nn.functional.interpolate(square, size=self.size, mode="bicubic", antialias=True).clamp(0, 1)
        with torch.no_grad():
            return torch.cat([self(part) for part in square.split(16)]).softmax(dim=1)

    def with_precision(self, dtype: torch.dtype) -> "Classifier":
        """The same classifier with weights of another floating-point type."""
        return replace(self, module=self.module.to(dtype))


def torchvision_architectures() -> list[str]:
    """Every classification architecture of torchvision."""
    return sorted(torchvision.models.list_models(module=torchvision.models))


def torchvision_fetched(folder: Path) -> list[str]:
    """Those of them whose default weights lie in `folder` already."""
    default = {name: torchvision.models.get_model_weights(name).DEFAULT.url for name in torchvision_architectures()}
    return [name for name, url in default.items() if (folder / url.rpartition("/")[2]).is_file()]


def timm_architectures() -> list[str]:
    """Every model of timm that has weights on the hub, as architecture.tag."""
    return sorted(timm.list_models(pretrained=True))


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
    fit_weights(module, read_weights(path), path.name, architecture)
    return _torchvision_classifier(architecture, module)


def _torchvision_classifier(architecture: str, module: nn.Module) -> Classifier:
    preset = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
    size = preset.crop_size[0]
    return _classifier(architecture, module, size, triple(preset.mean), triple(preset.std))


def load_timm(architecture: str, folder: Path) -> Classifier:
    """A timm classifier with pretrained weights, fetched from its hub into `folder` unless they are there already."""
    if architecture not in timm_architectures():
        raise ValueError(f"timm has no pretrained model '{architecture}'; see timm.list_models(pretrained=True)")
    try:
        module = timm.create_model(architecture, pretrained=True, cache_dir=folder)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"the weights of {architecture} could not be downloaded ({type(error).__name__}); check the connection, "
            f"or put its file into {folder.parent} and load it as a file"
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
    known = {"timm": timm.list_models, "torchvision": torchvision_architectures}
    if library not in known or name.partition(".")[0] not in known[library]():
        raise ValueError(f"architecture '{architecture}' is unknown; write timm/NAME or torchvision/NAME")
    state = read_weights(path)
    if library == "timm":
        module = timm.create_model(name, pretrained=False)
        classes = _head_classes(module, state)
        if classes not in (None, module.num_classes):
            module = timm.create_model(name, pretrained=False, num_classes=classes)
        return replace(_timm_classifier(name, fit_weights(module, state, path.name, architecture)), name=path.stem)
    module = _torchvision_module(name, 1000)
    classes = _head_classes(module, state)
    if classes not in (None, 1000):
        module = _torchvision_module(name, classes)
    return replace(_torchvision_classifier(name, fit_weights(module, state, path.name, architecture)), name=path.stem)


def _head_classes(module: nn.Module, state: StateDict) -> int | None:
    """How many classes a checkpoint has: the rows of what is this architecture's last layer; None if it lacks that."""
    heads = [name for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    weight = state.get(f"{heads[-1]}.weight")
    return None if weight is None else weight.shape[0]


def _classifier(
    name: str,
    module: nn.Module,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Classifier:
    frozen = freeze(module)
    with torch.no_grad():
        output = frozen(torch.zeros(1, 3, size, size).to(memory_format=torch.channels_last))
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"{name} does not answer with one number a class; choose a classifier")
    return Classifier(name, frozen, size, mean, std, labels=labels_for(output.shape[1]))
