"""Reads checkpoints: their tensors by the names that models have here, and what is known of how they were trained."""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ...common.scalars import as_number
from ...common.text import shorten
from .weights import is_plain, read_weights

Shapes = Mapping[str, torch.Size]

LAYOUTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("layouts.toml").read_text(encoding="utf-8"))
"""How libraries save models; the file explains it."""

_EMA = re.compile(r"(?<![a-z])ema(?![a-z])")  # In the names of averages over the steps of training.

_MOST_BYTES = 2**20  # Of a configuration.


def read_checkpoint(path: Path, kind: Literal["clip", "classifier"]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, of all files if it is one of several shards, by the names that models of a
    kind have here: CLIPs those of open_clip, without a prefix."""
    shards = [path]
    if found := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})", path.stem):
        count = int(found[2])
        shards = [path.with_name(f"{found[1]}-{n:05}-of-{count:05}{path.suffix}") for n in range(1, count + 1)]
    state = {name: value for shard in shards for name, value in read_weights(shard).items()}
    for layout in LAYOUTS[kind]:
        marks = (re.search(rf"(?<![^.])({layout['mark']})", name) for name in state)
        if prefixes := {mark.string[: mark.start()] for mark in marks if mark}:
            prefix = choose_prefix(state, prefixes, path.name)
            try:
                return _rename({n.removeprefix(prefix): state[n] for n in state if n.startswith(prefix)}, layout)
            except (LookupError, RuntimeError, TypeError) as error:
                raise ValueError(f"'{path.name}' is no whole {layout['title']} ({error}); get it again") from error
    return state


def _rename(state: Mapping[str, Tensor], layout: Mapping[str, Any]) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for given, value in state.items():
        name = given
        for pattern, replacement in [*layout.get("names", ()), *LAYOUTS["inside"]["names"]]:
            name = re.sub(pattern, replacement, name)
        whole, is_part, part = name.rpartition("@")
        if is_part and not given.endswith(f"@{part}"):
            parts.setdefault(whole, {})[part] = value
        elif not name.endswith("position_ids"):  # Old versions of transformers stored these counters.
            named[name] = value
    named |= {name: torch.cat([part[letter] for letter in "qkv"]) for name, part in parts.items()}
    named |= {name: named[name].T for name in layout.get("transposed", ()) if name in named}
    named |= {name: named[name][None] for name in layout.get("batched", ())}
    for name, query, rest in layout.get("split", ()):
        both = named.pop(name)
        named[query], named[rest] = both.tensor_split([len(both) // 3])
    return named


def choose_tensors(
    state: Mapping[str, Tensor], own: Shapes, source: str, prefix: str | None = None
) -> dict[str, Tensor]:
    """Return the tensors of a model, whose shapes are `own`, under its names, out of a checkpoint called `source`.
    Those that stand beside the model are left out; what its parts have besides their own tensors is kept, so that
    another architecture does not fit. A `prefix` of None is that with which most tensors are there in their shapes."""
    if prefix is None:
        weights = [name for name in own if not name.endswith("num_batches_tracked")]
        fits = {
            found: sum(found + name in state and state[found + name].shape == own[name] for name in weights)
            for found in find_prefixes(state, weights[:3])
        }
        most = max([1, *fits.values()])
        prefix = choose_prefix(state, [found for found in fits if fits[found] == most], source)
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


def choose_prefix(state: Mapping[str, Tensor], prefixes: Iterable[str], source: str) -> str:
    """Return which of the prefixes of models in a checkpoint to take: that of averages over the steps of training (EMA)
    before that of the last weights, as in timm. Raises a ValueError when two other models differ."""
    best, *others = sorted(prefixes, key=lambda one: (not _EMA.search(one), one)) or [""]
    for other in others:
        for name in state if bool(_EMA.search(best)) == bool(_EMA.search(other)) else ():
            mine = state.get(best + name[len(other) :]) if name.startswith(other) else None
            if mine is not None and not _is_equal(mine, state[name]):
                raise ValueError(
                    f"'{source}' holds two models, '{shorten(best)}…' and '{shorten(other)}…'; give the prefix of the "
                    "one that you want, or save it alone"
                )
    return best


def _is_equal(one: Tensor, other: Tensor) -> bool:
    return is_plain(one) and is_plain(other) and one.dtype == other.dtype and torch.equal(one, other)


def read_settings(path: Path, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what is known of how a model in a file was trained: `mean` and `std`, and the other settings that
    layouts.toml names, from the files beside it, and from a module among its tensors that normalises views."""
    known: dict[str, Any] = {}
    is_of_hub = path.stem.startswith(tuple(LAYOUTS["beside"]["weights"]))
    for row in LAYOUTS["beside"]["settings"] if is_of_hub else ():
        content = read_json(path.with_name(row["file"]))
        content = take_part(content, row["object"]) if "object" in row else content
        found = {ours: content[theirs] for ours, theirs in row["names"].items() if theirs in content}
        pair = {name: found.pop(name, None) for name in LAYOUTS["normalizers"]}
        known |= found | check_normalization(pair)
    return known | find_normalization(state)


def find_normalization(state: Mapping[str, Tensor]) -> dict[str, tuple[float, ...]]:
    """Return the `mean` and `std` by which a module in the checkpoint normalises views; empty if there is none."""
    found = {}
    for key, names in LAYOUTS["normalizers"].items():
        for name, value in state.items():
            if name.rpartition(".")[2] in names and value.numel() == 3 and is_plain(value):
                found[key] = value.double().flatten().tolist()
    return check_normalization(found)


def check_normalization(found: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return `mean` and `std` if there are both, of three finite numbers each, and no deviation is 0; else nothing."""
    triples = {}
    for key in ("mean", "std"):
        values = found.get(key)
        numbers = [as_number(value) for value in values] if isinstance(values, list | tuple) else []
        triples[key] = tuple(number for number in numbers if number is not None and math.isfinite(number))
        if not len(numbers) == len(triples[key]) == 3:
            return {}
    return triples if min(triples["std"]) > 0 else {}


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
