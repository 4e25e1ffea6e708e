"""Finds the tensors of a model among those of a checkpoint, whatever a training script has put around them.

Prefixes (DataParallel's `module.`, Lightning's `model.`, robustness's `attacker.model.`) are not listed here: the names
of the model's own tensors say where they begin.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...common.text import shorten
from .weights import is_plain

_MEANS, _STDS = ("new_mean", "mean", "mu"), ("new_std", "std", "sigma")
"""How modules that normalise views inside a model call their values: those of robustness, of RobustBench and others."""

_EMA = re.compile(r"(?<![a-z])ema(?![a-z])")  # In the names of averages over the steps of training.

_HUB_NAMES = ("model", "pytorch_model", "open_clip")
"""How files of weights in a folder of the Hugging Face hub begin; a configuration beside others may be of another."""

_MOST_BYTES = 2**20  # Of a configuration.

Shapes = Mapping[str, torch.Size]


def choose_tensors(
    state: Mapping[str, Tensor], own: Shapes, source: str, prefix: str | None = None
) -> dict[str, Tensor]:
    """Return the tensors of a model, whose shapes are `own`, under its names, out of a checkpoint called `source`.
    Those that stand beside the model are left out; what its parts have besides their own tensors is kept, so that
    another architecture does not fit. A `prefix` of None is found."""
    if prefix is None:
        prefix = _find_prefix(state, own, source)
    elif not any(name.startswith(prefix) for name in state):
        raise ValueError(f"no tensor of '{source}' is called '{shorten(prefix)}…'; the first is {next(iter(state))}")
    parts = {name.partition(".")[0] for name in own}
    inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return {name: value for name, value in inner.items() if name.partition(".")[0] in parts}


def find_prefixes(names: Iterable[str], own: Iterable[str]) -> set[str]:
    """Return what stands before names of a model in the names of a checkpoint."""
    anchors = tuple(own)
    return {
        name.removesuffix(anchor)
        for name in names
        for anchor in anchors
        if name == anchor or name.endswith(f".{anchor}")
    }


def _find_prefix(state: Mapping[str, Tensor], own: Shapes, source: str) -> str:
    """Return the prefix with which most tensors of a model are in a checkpoint, in their shapes."""
    weights = [name for name in own if not name.endswith("num_batches_tracked")]

    def count(prefix: str) -> int:
        return sum(prefix + name in state and state[prefix + name].shape == own[name] for name in weights)

    fits = {prefix: count(prefix) for prefix in find_prefixes(state, weights[:3])}
    most = max(fits.values(), default=0)
    return choose_prefix(state, [one for one in fits if most and fits[one] == most], source)


def choose_prefix(state: Mapping[str, Tensor], prefixes: Iterable[str], source: str) -> str:
    """Return which of the prefixes of models in a checkpoint to take: that of averages over the steps of training (EMA)
    before that of the last weights, as in timm. Raises a ValueError when two other models differ."""
    ordered = sorted(prefixes, key=lambda one: (not _EMA.search(one), one)) or [""]
    best, *others = ordered
    for other in others:
        pairs = [
            (value, state.get(best + name[len(other) :])) for name, value in state.items() if name.startswith(other)
        ]
        if bool(_EMA.search(best)) == bool(_EMA.search(other)) and not all(
            mine is None or _is_equal(mine, value) for value, mine in pairs
        ):
            raise ValueError(
                f"'{source}' holds two models, '{shorten(best)}…' and '{shorten(other)}…'; give the prefix of the one "
                "that you want, or save it alone"
            )
    return best


def _is_equal(one: Tensor, other: Tensor) -> bool:
    return is_plain(one) and is_plain(other) and one.dtype == other.dtype and torch.equal(one, other)


def find_normalization(state: Mapping[str, Tensor]) -> dict[str, tuple[float, ...]]:
    """Return the `mean` and `std` by which a module in the checkpoint normalises views; empty if there is none."""
    found = {}
    for key, names in (("mean", _MEANS), ("std", _STDS)):
        for name, value in state.items():
            if name.rpartition(".")[2] in names and value.numel() == 3 and is_plain(value):
                found[key] = value.double().flatten().tolist()
    return check_normalization(found)


def check_normalization(found: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return `mean` and `std` if there are both, of three finite numbers each, and no deviation is 0; else nothing."""
    triples = {}
    for key in ("mean", "std"):
        values = found.get(key)
        if not isinstance(values, list | tuple) or len(values) != 3:
            return {}
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            return {}
        triples[key] = tuple(map(float, values))
    return triples if min(triples["std"]) > 0 else {}


def read_config(weights: Path, name: str) -> dict[str, Any]:
    """Return the object in a file of JSON beside weights as the hub names them; an empty one if there is none."""
    return read_json(weights.with_name(name)) if weights.stem.startswith(_HUB_NAMES) else {}


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of JSON; an empty one if there is none."""
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def take_part(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object inside an object; an empty one if there is none."""
    part = content.get(key)
    return part if isinstance(part, dict) else {}
