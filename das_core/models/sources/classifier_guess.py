"""Finds the architecture of a classifier by the names and shapes of the tensors in a checkpoint."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import timm
import torch
import torchvision
from torch import Tensor

from ...common.interruption import allow_interrupt
from .layouts import Shapes, choose_tensors
from .timm_models import build_timm_module
from .torchvision_models import build_torchvision_module, list_torchvision_architectures, rename_torchvision_tensors
from .weights import UndrawnWeights

_NEAREST = 2  # How many architectures a message offers.
_FAMILIES = 3  # How many families of architectures, those with the most similar names, are compared by shapes.


def guess_architecture(
    state: Mapping[str, Tensor], source: str, first: Iterable[str], prefix: str | None = None
) -> str:
    """Return the architecture ('timm/NAME' or 'torchvision/NAME') whose tensors are those of a checkpoint, but for the
    rows of the last layer: the first that fits of `first`, then that with the shortest name in the families with the
    most similar names. Raises a ValueError with the two nearest when none fits."""
    renamed = rename_torchvision_tensors(state)
    shares: dict[str, float] = {}
    for name in _list_candidates(state, first):
        allow_interrupt()
        own = _find_shapes(name)
        given = renamed if name.startswith("torchvision/") else state
        chosen = choose_tensors(given, own, source, prefix)
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


def _list_candidates(state: Mapping[str, Tensor], first: Iterable[str]) -> Iterator[str]:
    """Yield architectures, each once: `first`, then the members of those families whose names are most similar."""
    told = dict.fromkeys(first)
    yield from told
    names = _generalise(state)
    families = _list_families(state)

    def compare(members: tuple[str, ...]) -> float:
        allow_interrupt()
        own = _generalise(_find_shapes(min(members, key=len)))
        return len(own & names) / len(own | names)

    nearest = sorted(families, key=compare, reverse=True)[:_FAMILIES]
    # The shortest names first: the plain Vision Transformer before others that are built alike.
    yield from sorted((name for members in nearest for name in members if name not in told), key=len)


def _list_families(state: Mapping[str, Tensor]) -> list[tuple[str, ...]]:
    """Return the architectures that a file of torchvision or timm defines, for each of these files. Of timm's, only
    those whose first convolution and last layer have names as in the checkpoint."""
    suffixes = {name[start:] for name in state for start in _find_starts(name)}
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
    return [tuple(members) for members in families.values()]


def _find_starts(name: str) -> list[int]:
    """Return where each part of a name begins: 0, and after every dot."""
    return [0, *(found.end() for found in re.finditer(r"\.", name))]


def _generalise(names: Iterable[str]) -> set[str]:
    """Return the last two and the last three parts of names, without numbers: what the members of a family share."""
    ends = {name[start:] for name in names for start in _find_starts(name)[-3:-1]}
    return {re.sub(r"\d+", "#", end) for end in ends}


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
