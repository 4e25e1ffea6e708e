"""The page of an atlas: what is known of each unit, from the results of its cells, photographs and the weights."""

import io
import json
import math
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import BaseModel, Field, StrictInt, TypeAdapter, ValidationError
from torch import Tensor, nn

from ..common.images import to_bytes
from ..models.classifier import Classifier
from ..models.frozen import uncompile
from ..models.judge import Judge
from ..models.layers.layer import find_layers
from ..runs.cells import Row
from ..runs.results import Results, explain_unwritable, replace_file
from .collection import Collection, Entry, Group, Item, Picture, save_collection
from .listing import describe_units, find_alike
from .photographs import Seen, cut_crops
from .pictures import ACTIVATIONS
from .units import Units, name_unit

DEAD = "dead: no change of the picture activates it"

_COLUMNS = ("activation", "above photographs, %", "dead")
_TITLES = {"more": "more", "less": "less", "diverse": "also", "raw": "raw"}
_CLASSES = 5  # How many classes are shown that a unit raises or lowers.


class _StoredPicture(BaseModel):
    """A picture of a unit as its cell tells of it; the folder may be of a stranger."""

    kind: str
    file: str = Field(pattern=r"^\w+\.webp$")
    activation: float | None = None


class _StoredUnit(BaseModel):
    unit: StrictInt = Field(ge=0)
    dead: bool = False
    pictures: tuple[_StoredPicture, ...] = ()
    message: str = ""


_UNITS, _NUMBERS = TypeAdapter(list[_StoredUnit]), TypeAdapter(list[StrictInt])


@dataclass(frozen=True, eq=False)
class Sources:
    """What the page tells of units beside their pictures: by layer, what photographs and words say, if given."""

    seen: Mapping[str, Seen]
    words: Mapping[str, Sequence[Sequence[tuple[str, float]]]]
    photographs: Tensor | None = None


def save_page(
    results: Results, judge: Judge, layers: Sequence[Units], total: int, sources: Sources, asked: Container[str] = ()
) -> Path:
    """Write index.html, manifest.json and manifest.parquet of all units with a result; return the path of the first. If
    a unit has several results, that of a cell which is `asked` for counts, or the latest."""
    results.read()
    rows = sorted(results.rows.values(), key=lambda row: row["cell"] in asked)
    shown = [units for units in layers if any(row.get("layer") == units.name for row in rows)]
    items: list[Item] = []
    for group, units in enumerate(shown):
        own = [row for row in rows if row.get("layer") == units.name]
        items += _list_items(results, judge, units, group, own, sources)
    columns = _COLUMNS if sources.seen else tuple(name for name in _COLUMNS if "photographs" not in name)
    kept = [_COLUMNS.index(name) for name in columns]
    items = [replace(item, values=tuple(item.values[number] for number in kept)) for item in items]
    groups = tuple(Group(units.name, describe_units(units)) for units in shown)
    page = Collection(judge.name, max(total, len(items)), columns, groups, tuple(items), noun="units")
    table: dict[str, list[Any]] = {
        "id": [item.id for item in items],
        "layer": [shown[item.group or 0].name for item in items],
    }
    table |= {"unit": [int(item.id.rpartition(":")[2]) for item in items], "title": [item.title for item in items]}
    table |= {name: [item.values[number] for item in items] for number, name in enumerate(columns)}
    table["pictures"] = [[picture.file for picture in item.pictures] for item in items]
    titles = dict.fromkeys(title for item in items for title, _ in item.lists)
    found = [{title: [entry.text for entry in entries] for title, entries in item.lists} for item in items]
    table |= {title: [one.get(title) for one in found] for title in titles}
    # Half of a surrogate pair, as in some names of classes, becomes "?".
    table = json.loads(json.dumps(table, ensure_ascii=False).encode("utf-8", "replace"))
    with replace_file(results.path / "manifest.parquet") as part:
        pq.write_table(pa.table(table), part, compression="zstd")
    with explain_unwritable(results.path):
        return save_collection(results.path, page)


def _list_items(
    results: Results, judge: Judge, units: Units, group: int, rows: Sequence[Row], sources: Sources
) -> list[Item]:
    """Return the items of the units of a layer, in the order of their numbers."""
    found: dict[int, tuple[_StoredUnit, str]] = {}
    signatures: dict[int, np.ndarray[Any, Any]] = {}
    for row in rows:  # A later result of a unit takes the place of an earlier one.
        home, listed = locate_cell(row), read_units(row)
        if not listed:
            continue
        found |= {one.unit: (one, home) for one in listed}
        active = _read_activations(results.path / home / ACTIVATIONS, (len(listed), units.count))
        for one in listed:
            signatures.pop(one.unit, None)
        signatures |= {one.unit: values for one, values in zip(listed, active, strict=False) if not one.dead}
    numbers = sorted(number for number in found if number < units.count)
    seen, effects = sources.seen.get(units.name), find_effects(judge, units)
    # Of units that nothing changes, there is nothing more to show.
    moving = {number: None for number in numbers if not found[number][0].dead or (seen and seen.move(number))}
    alike = find_alike(list(moving), signatures, seen)
    crops = _save_crops(results, judge, units, group, list(moving), sources)
    items = []
    for number in numbers:
        one, home = found[number]
        shown = [
            Picture(home + made.file, f"{_TITLES.get(made.kind, '')} {_round(made.activation)}")
            for made in one.pictures
        ]
        if number in crops:
            shown.append(Picture(crops[number], "photographs"))
        lists: list[tuple[str, tuple[Entry, ...]]] = []
        words = sources.words.get(units.name) if number in moving else None
        if words:
            lists.append(("words", tuple(Entry(word, value) for word, value in words[number])))
        if effects is not None and isinstance(judge, Classifier) and number in moving:
            lists += list_effects(judge, effects[:, number])
        if number in alike:
            near = [Entry(name_unit(judge, units, other), item=f"{units.name}:{other}") for other in alike[number]]
            lists.append(("alike", tuple(near)))
        activation = next((picture.activation for picture in one.pictures if picture.kind != "less"), None)
        rank = 100 * seen.rank(number, activation) if seen and activation is not None else None
        name, values = name_unit(judge, units, number), (activation, rank, one.dead)
        item = Item(f"{units.name}:{number}", name, group, values, tuple(shown), tuple(lists))
        items.append(replace(item, message=one.message or (DEAD if one.dead else ""), failed=bool(one.message)))
    return items


def list_effects(judge: Classifier, effects: Tensor) -> list[tuple[str, tuple[Entry, ...]]]:
    """Return the classes that something raises most, and that it lowers most, by what it adds to each, (classes,)."""
    lists = []
    for title, sign in (("raises", 1), ("lowers", -1)):
        values, classes = (sign * effects).topk(min(_CLASSES, len(effects)))
        both = zip(classes.tolist(), values.tolist(), strict=True)
        lists.append((title, tuple(Entry(judge.labels.name(index), value) for index, value in both if value > 0)))
    return lists


def locate_cell(row: Row) -> str:
    """Return the folder of a cell in that of the results, with a slash at its end."""
    return f"cells/{row['cell'][:2]}/{row['cell']}/"


def read_units(row: Row) -> list[_StoredUnit]:
    """Return what a cell tells of its units; nothing if it was damaged by hand."""
    try:
        if row["status"] != "failed":
            return _UNITS.validate_json(str(row.get("units")))
        numbers = _NUMBERS.validate_json(str(row.get("numbers")))
        return [_StoredUnit(unit=number, message=row["message"] or "failed") for number in numbers]
    except ValidationError:
        return []


def _read_activations(path: Path, shape: tuple[int, int]) -> np.ndarray[Any, Any] | Sequence[Any]:
    """Return what is in a file of NumPy of this shape, or nothing. Its header is compared rather than read, so that
    nothing is unpickled, and no size is believed."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = file.getvalue()
    with suppress(OSError):
        whole = path.stat().st_size == len(header) + 4 * math.prod(shape)
        if whole and (content := path.read_bytes()).startswith(header):
            return np.frombuffer(content, "<f4", offset=len(header)).reshape(shape)
    return ()


def _round(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _save_crops(
    results: Results, judge: Judge, units: Units, group: int, numbers: Sequence[int], sources: Sources
) -> dict[int, str]:
    """Save the crops of photographs that excite units most, and return their files."""
    if units.name not in sources.seen or sources.photographs is None:
        return {}
    sheets, files = cut_crops(judge, units, sources.seen[units.name], sources.photographs, numbers), {}
    for number, sheet in zip(numbers, sheets, strict=True):
        files[number] = f"photographs/{group}/{number}.webp"  # By number: names may differ in capitals only.
        save_picture(results.path / files[number], sheet)
    return files


def save_picture(path: Path, picture: Tensor, quality: int = 80) -> None:
    """Write a picture (1, 3, H, W), 0..1, as WebP; a RunsStoppedError says why it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as part:
        Image.fromarray(to_bytes(picture)).save(part, "WEBP", quality=quality)


def find_effects(judge: Judge, units: Units) -> Tensor | None:
    """Return by how much each unit raises each class, (classes, units), by the weights of the last linear layer; None
    unless the channels of the layer reach it as they are, but for a norm, an activation function and a mean."""
    if not isinstance(judge, Classifier) or units.layer is None or units.kind != "channel":
        return None
    parts = dict(uncompile(judge.module).named_modules())
    known = {layer.name: layer.channels for layer in find_layers(judge) if not layer.heads}
    linear = [(name, part) for name in known if isinstance(part := parts[name], nn.Linear)]
    heads = [(name, part) for name, part in linear if part.out_features == len(judge.labels)]
    if not heads or units.name not in known:
        return None
    (last, head), names = heads[-1], list(known)
    between = names[names.index(units.name) : names.index(last)]
    mixing = any(isinstance(parts[name], nn.Linear | nn.Conv2d) for name in between[1:])
    same = {head.in_features, *(known[name] for name in between)} == {units.count}
    return head.weight.detach().float().cpu() if between and same and not mixing else None
