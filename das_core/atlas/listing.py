"""What is told of units in words: which are most alike, and a table of some of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..models.judge import Judge
from .photographs import Seen
from .units import Units, name_unit

_ALIKE = 4  # How many units are shown that are most alike.


def describe_units(units: Units) -> str:
    """Return how many units there are and at how many positions, such as '64 channels, 28 x 28'."""
    kinds = {"channel": "channels", "head": "heads", "latent": "latents", "class": "classes"}
    positions = " x ".join(map(str, units.layer.positions)) if units.layer else ""
    return f"{units.count:,} {kinds[units.kind]}{f', {positions}' if positions else ''}"


def find_alike(
    numbers: Sequence[int], signatures: Mapping[int, np.ndarray[Any, Any]], seen: Seen | None
) -> dict[int, list[int]]:
    """Return for each unit the units most alike: by how active all units of the layer are for its picture, and by how
    active it is for photographs."""
    have = [number for number in numbers if number in signatures]
    if len(have) < 2 or len({len(signatures[number]) for number in have}) > 1:
        return {}
    parts = [torch.from_numpy(np.stack([signatures[number] for number in have])).float()]
    if seen is not None:
        parts.append(seen.means.T[have])
    scaled = []
    for part in parts:
        part = part.nan_to_num()
        part = (part - part.mean(dim=0)) / part.std(dim=0).clamp(min=1e-6)
        scaled.append(F.normalize(part, dim=1))
    joined = torch.cat(scaled, dim=1)
    likeness = joined @ joined.T
    likeness.fill_diagonal_(-torch.inf)
    near = likeness.topk(min(_ALIKE, len(have) - 1), dim=1).indices.tolist()
    return {number: [have[other] for other in others] for number, others in zip(have, near, strict=True)}


def list_units(
    judge: Judge,
    units: Units,
    numbers: Sequence[int],
    signatures: Mapping[int, np.ndarray[Any, Any]],
    seen: Seen | None = None,
) -> str:
    """Return a table of some units of a layer, of which those without a signature (see `find_alike`) are dead: how
    active each is for its picture, for which share of the photographs it is less active, and which are most alike."""
    alike = find_alike(numbers, signatures, seen)
    rows = [("unit", "active", *["above photographs"] * (seen is not None), "alike")]
    for number in numbers:
        told = ["dead"]
        if number in signatures:
            active = float(signatures[number][number])
            place = [f"{seen.rank(number, active):.0%}"] if seen is not None else []
            told = [f"{active:.3g}", *place, ", ".join(map(str, alike.get(number, ())[:3]))]
        rows.append((name_unit(judge, units, number), *told, *[""] * (len(rows[0]) - 1 - len(told))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([f"{units.name} of {judge.name}: {describe_units(units)}", "", *table])
