"""What cells have made of units: workers write it, and pages read it, from a folder that may be of a stranger. Nothing
here knows of models."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, StrictInt, TypeAdapter, ValidationError

from ..runs.cells import Row

Array = np.ndarray[Any, Any]

_ACTIVATIONS = "activations.npy"  # A row of numbers for each unit of a cell, see `Made.signature`.


class MadePicture(BaseModel):
    """A picture of a unit, its kind, and how active the unit is for it."""

    kind: str
    file: str = Field(pattern=r"^\w+\.webp$")
    activation: float | None = None


class _StoredUnit(BaseModel):
    unit: StrictInt = Field(ge=0)
    dead: bool = False
    pictures: tuple[MadePicture, ...] = ()
    message: str = ""


_UNITS, _NUMBERS = TypeAdapter(list[_StoredUnit]), TypeAdapter(list[StrictInt])


@dataclass(frozen=True, eq=False)
class Made:
    """What was made of a unit; the files of its pictures are paths in the folder of the page."""

    pictures: tuple[MadePicture, ...]
    dead: bool
    message: str  # why it failed
    signature: Array | None  # how active all units of the layer are for its first picture

    @property
    def activation(self) -> float | None:
        """How active the unit is for its first picture that was to excite it."""
        return next((picture.activation for picture in self.pictures if picture.kind != "less"), None)


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
            found[one.unit] = Made(pictures, one.dead, one.message, None if one.dead else signature)
    return {number: one for number, one in sorted(found.items()) if number < count}


def locate_cell(row: Row) -> str:
    """Return the folder of a cell in that of the results, with a slash at its end."""
    return f"cells/{row['cell'][:2]}/{row['cell']}/"


def _read_units(row: Row) -> list[_StoredUnit]:
    try:
        if row["status"] != "failed":
            return _UNITS.validate_json(str(row.get("units")))
        numbers = _NUMBERS.validate_json(str(row.get("numbers")))
        return [_StoredUnit(unit=number, message=row["message"] or "failed") for number in numbers]
    except ValidationError:
        return []


def _read_signatures(path: Path, shape: tuple[int, int]) -> Array | Sequence[Any]:
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
