"""What cells have made of units, in a folder that may be of a stranger, and a page of it, whose items are made of
columns: each says something of units. Nothing here knows of models."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field, StrictInt, TypeAdapter, ValidationError
from torch import Tensor

from ..common.images import to_bytes
from ..runs.cells import Cell, Row, RunOne, RunsStoppedError, Workers
from ..runs.engine import run_cells
from ..runs.results import Results, explain_unwritable, replace_file, write_table
from .collection import Collection, Item, Picture, save_collection

Array = np.ndarray[Any, Any]

# What is said of units: by the names of columns, then by the numbers of units. `_FIELDS` are what `Item` calls so; in
# other columns, tuples of pictures are shown, tuples of entries are lists, and all else are values to sort by.
Columns: TypeAlias = Mapping[str, Mapping[int, Any]]
_FIELDS = ("id", "title", "message", "failed")
_ACTIVATIONS = "activations.npy"  # A row of numbers for each unit of a cell, see `Made.signature`.


class MadePicture(BaseModel):
    """A picture of a unit, its kind, and how active the unit is for it."""

    kind: str
    file: str = Field(pattern=r"^\w+\.webp$")
    activation: float | None = None


class Made(BaseModel):
    """What was made of a unit; `read_made` returns the files of its pictures as paths in the folder of the page."""

    unit: StrictInt = Field(ge=0)
    dead: bool = False
    pictures: tuple[MadePicture, ...] = ()
    message: str = ""  # why it failed
    signature: Any = None  # how active all units of the layer are for its first picture, an array

    @property
    def activation(self) -> float | None:
        """How active the unit is for its first picture that was to excite it."""
        return next((picture.activation for picture in self.pictures if picture.kind != "less"), None)


_UNITS, _NUMBERS = TypeAdapter(list[Made]), TypeAdapter(list[StrictInt])


def write_made(
    folder: Path, numbers: Sequence[int], pictures: Mapping[int, Sequence[MadePicture]], signatures: Array | None
) -> Row:
    """Write what was made of units into the folder of their cell; return the columns of its row. Units are dead if they
    have no entry in `pictures`."""
    if signatures is not None:
        written = io.BytesIO()  # To a file, NumPy writes without saying why it cannot.
        np.save(written, signatures)
        (folder / _ACTIVATIONS).write_bytes(written.getvalue())
    listed: list[dict[str, Any]] = [
        {"unit": number, "dead": number not in pictures, "pictures": [dict(one) for one in pictures.get(number, ())]}
        for number in numbers
    ]
    files = [one["file"] for each in listed for one in each["pictures"]]
    return {"pictures": files, "units": json.dumps(listed)}


def read_made(folder: Path, rows: Sequence[Row], count: int) -> dict[int, Made]:
    """Return what the cells of these rows have made of the `count` units of a layer, by their numbers; of two rows, the
    later counts. What was damaged by hand is left out."""
    found = {}
    for row in rows:
        home, listed = locate_cell(row), _read_units(row)
        signatures = _read_signatures(folder / home / _ACTIVATIONS, (len(listed), count))
        for one, signature in zip_longest(listed, signatures):
            pictures = tuple(each.model_copy(update={"file": home + each.file}) for each in one.pictures)
            known = {"pictures": pictures, "signature": None if one.dead else signature}
            found[one.unit] = one.model_copy(update=known)
    return {number: one for number, one in sorted(found.items()) if number < count}


def locate_cell(row: Row) -> str:
    """Return the folder of a cell in that of the results, with a slash at its end."""
    return f"cells/{row['cell'][:2]}/{row['cell']}/"


def _read_units(row: Row) -> list[Made]:
    try:
        if row["status"] != "failed":
            return _UNITS.validate_json(str(row.get("units")))
        numbers = _NUMBERS.validate_json(str(row.get("numbers")))
        return [Made(unit=number, message=row["message"] or "failed") for number in numbers]
    except ValidationError:
        return []


def _read_signatures(path: Path, shape: tuple[int, int]) -> Array | Sequence[Any]:
    """Return what is in a file of NumPy of this shape, or nothing. Nothing is unpickled, and no size is believed."""
    with suppress(Exception):  # Of many kinds for a header of a stranger.
        found = np.lib.format.open_memmap(path, mode="r")
        if found.shape == shape and found.dtype == np.float32:
            return np.array(found)
    return ()


def list_items(columns: Columns, values: Sequence[str], group: int | None = None) -> list[Item]:
    """Return the items of all units that have an id, in the order of the ids, with the columns `values`."""
    items = []
    for number in columns["id"]:
        told = {name: column[number] for name, column in columns.items() if number in column}
        fields = {name: told[name] for name in _FIELDS if name in told}
        rest = {name: one for name, one in told.items() if isinstance(one, tuple)}
        shown = {name: one for name, one in rest.items() if isinstance(next(iter(one), None), Picture)}
        pictures = tuple(picture for several in shown.values() for picture in several)
        lists = tuple((name, one) for name, one in rest.items() if name not in shown)
        known = tuple(told.get(name) for name in values)
        items.append(Item(**fields, group=group, values=known, pictures=pictures, lists=lists))
    return items


def make_page(
    results: Results,
    cells: Sequence[Cell],
    run_one: RunOne,
    show: Callable[[], Collection],
    workers: Workers | None,
    retry: bool,
    progress: bool,
) -> tuple[Path, int]:
    """Run cells in a claimed folder, and save what `show` makes of the results, also when the run cannot go on; return
    the path of the page, and how many cells failed."""

    def save() -> Path:
        results.read()
        with explain_unwritable(results.path):
            page = show()
            write_table(results.path / "manifest.parquet", _list_rows(page))
            return save_collection(results.path, page)

    stream = sys.stderr if progress else io.StringIO()
    try:
        _, failed = run_cells(cells, run_one, results, workers or Workers(here=True), stream, retry)
    except (KeyboardInterrupt, RunsStoppedError):
        with suppress(RunsStoppedError):  # The first error says more.
            save()
        raise
    return save(), failed


def _list_rows(page: Collection) -> list[Row]:
    """Return the items of a page as the rows of a table."""
    rows = list[Row]()
    for item in page.items:
        number = item.id.rpartition(":")[2]
        row: Row = {"id": item.id, "layer": "" if item.group is None else page.groups[item.group].name}
        row |= {"unit": int(number) if number.isdecimal() else None, "title": item.title}
        row |= dict(zip(page.columns, item.values, strict=True))
        row |= {"pictures": [picture.file for picture in item.pictures]}
        rows.append(row | {title: [entry.text for entry in entries] for title, entries in item.lists})
    # Half of a surrogate pair, as in some names of classes, becomes "?".
    found: list[Row] = json.loads(json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def save_picture(path: Path, picture: Tensor, quality: int = 80) -> None:
    """Write a picture (1, 3, H, W), 0..1, as WebP; a RunsStoppedError says why it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as part:
        Image.fromarray(to_bytes(picture)).save(part, "WEBP", quality=quality)
