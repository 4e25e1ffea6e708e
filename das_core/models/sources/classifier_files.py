"""Classifiers of timm and torchvision whose weights are a checkpoint on disk. Without a name, the architecture is found
by the names and shapes of the tensors."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn

from ...common.interruption import allow_interrupt
from ...common.scalars import as_whole
from ...common.text import shorten
from ..classifier import Classifier
from ..embedder import Embedder
from ..photograph_check import check_later
from .checkpoints import LAYOUTS, Shapes, choose_tensors, find_normalization, read_checkpoint, read_settings
from .timm_models import build_timm_module, wrap_timm_module
from .torchvision_models import build_torchvision_module, list_torchvision_architectures, wrap_torchvision_module
from .weights import UndrawnWeights, fit_weights, is_plain

_LOG = logging.getLogger(__name__)

_NEAREST = 2  # How many architectures a message offers.
_FAMILIES = 3  # How many families of architectures, those with the most similar names, are compared by shapes.


def list_file_architectures() -> list[str]:
    """Return every architecture that a checkpoint on disk may have ('timm/NAME'), the common ones first."""
    names = [f"torchvision/{name}" for name in list_torchvision_architectures()]
    names += [f"timm/{name}" for name in sorted(timm.list_models())]
    return list(dict.fromkeys([*LAYOUTS["common"]["classifiers"], *names]))


def load_classifier_file(
    path: Path, architecture: str | None = None, prefix: str | None = None
) -> Classifier | Embedder:
    """Load a classifier, or a model without classes, from a checkpoint on disk, see `load`. Mean and standard deviation
    are those of a module that normalises views, as in robustness and RobustBench; a tag of timm
    ('timm/resnet18.a1_in1k') names published ones."""
    # Checked before timm sees it, which would also accept 'hf-hub:OWNER/REPOSITORY' and 'local-dir:FOLDER'.
    tagged = [f"timm/{name}" for name in timm.list_models(pretrained=True)]
    if architecture is not None and architecture not in [*list_file_architectures(), *tagged]:
        raise ValueError(
            f"architecture '{shorten(architecture)}' is unknown; write timm/NAME or torchvision/NAME, such as "
            "timm/resnet18"
        )
    state = read_checkpoint(path, "classifier")
    known: dict[str, Any] = {**find_normalization(state)}
    if architecture is None:
        known = read_settings(path, state)
        is_known = known.get("architecture") in timm.list_models()
        architecture = f"timm/{known['architecture']}" if is_known else guess_architecture(state, path.name, prefix)
    library, _, name = architecture.partition("/")
    build: Callable[..., nn.Module] = build_timm_module
    wrap = wrap_timm_module
    if library == "torchvision":
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
    shape = known.get("input_size")
    side = as_whole(shape[-1]) if isinstance(shape, list) and shape else None
    size = side if side is not None and 32 <= side <= 1024 else classifier.size
    mean, std = known.get("mean", classifier.mean), known.get("std", classifier.std)
    classifier = replace(classifier, name=path.stem, size=size, mean=mean, std=std)
    if not _has_classes(module):
        return classifier.convert_to(Embedder, width=len(classifier.labels))
    return check_later(classifier)


def _has_classes(module: nn.Module) -> bool:
    """Return whether a model of timm or torchvision has a last layer for classes, unlike DINOv3."""
    return getattr(module, "num_classes", None) != 0


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


def guess_architecture(state: Mapping[str, Tensor], source: str, prefix: str | None = None) -> str:
    """Return the architecture ('timm/NAME' or 'torchvision/NAME') whose tensors are those of a checkpoint, but for the
    rows of the last layer: the first common one that fits, then that with the shortest name in the families with the
    most similar names. Raises a ValueError with the two nearest when none fits."""
    shares: dict[str, float] = {}
    for name in _list_candidates(state):
        allow_interrupt()
        own = _find_shapes(name)
        chosen = choose_tensors(state, own, source, prefix)
        chosen = {key: value for key, value in chosen.items() if not key.endswith("num_batches_tracked")}
        fitting = sum(key in chosen and chosen[key].shape[1:] == shape[1:] for key, shape in own.items())
        # The rows of all tensors but those of the head, its weight and its bias, must be as many, too.
        alike = sum(key in chosen and chosen[key].shape == shape for key, shape in own.items())
        shares[name] = alike / max(len(own), len(chosen))
        if fitting == len(own) == len(chosen) and alike >= len(own) - 2:
            return name
    nearest = sorted(shares, key=lambda name: -shares[name])[:_NEAREST]
    choices = " and ".join(f"{name} ({shares[name]:.0%} of its tensors)" for name in nearest)
    raise ValueError(
        f"'{source}' has the shapes of no architecture of timm or torchvision; the nearest are {choices}: choose the "
        "architecture that it was trained with"
    )


def _list_candidates(state: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield architectures, each once: common ones, then members of those families whose names are most similar."""
    yield from LAYOUTS["common"]["classifiers"]
    names = _generalise(state)

    def compare(members: list[str]) -> float:
        allow_interrupt()
        own = _generalise(_find_shapes(min(members, key=len)))
        return len(own & names) / len(own | names)

    nearest = sorted(_list_families(state), key=compare, reverse=True)[:_FAMILIES]
    # The shortest names first: the plain Vision Transformer before others that are built alike.
    yield from sorted(
        (one for members in nearest for one in members if one not in LAYOUTS["common"]["classifiers"]), key=len
    )


def _list_families(state: Mapping[str, Tensor]) -> list[list[str]]:
    """Return the architectures that a file of torchvision or timm defines, for each of these files. Of timm's, only
    those whose first convolution and last layer have names as in the checkpoint."""
    suffixes = {end for name in state for end in _list_ends(name)}
    families: dict[str, list[str]] = {}
    for name in list_torchvision_architectures():
        home = torchvision.models.get_model_builder(name).__module__
        families.setdefault(home, []).append(f"torchvision/{name}")
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            config = timm.models.get_pretrained_cfg(name)
            ends = [getattr(config, "first_conv", None), getattr(config, "classifier", None)]
            if all(not isinstance(end, str) or not end or f"{end}.weight" in suffixes for end in ends):
                families.setdefault(module, []).append(f"timm/{name}")
    return list(families.values())


def _list_ends(name: str) -> list[str]:
    """Return a name from each of its parts on, the whole first."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def _generalise(names: Iterable[str]) -> set[str]:
    """Return the last two and the last three parts of names, without numbers: what the members of a family share."""
    return {re.sub(r"\d+", "#", end) for name in names for end in _list_ends(name)[-3:-1]}


@cache
def _find_shapes(architecture: str) -> Shapes:
    """Return the shapes of the tensors of an architecture by name, without counters."""
    library, _, name = architecture.partition("/")
    build = build_torchvision_module if library == "torchvision" else build_timm_module
    try:
        # On the meta device tensors have shapes but no numbers, so building a model there takes a tenth of a second.
        with torch.device("meta"):
            module = build(name)
    except (NotImplementedError, RuntimeError):  # Some, such as RegNets, compute their widths with tensors.
        with UndrawnWeights():
            module = build(name)
    own = module.state_dict().items()
    return {name: value.shape for name, value in own if not name.endswith("num_batches_tracked")}
