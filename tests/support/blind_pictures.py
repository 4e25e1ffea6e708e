"""Pictures of a single colour for tests of `benchmarks.blind`, and functions that find their colours on a sheet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.blind_sheets import CELL

Colour = tuple[int, int, int]

Box = tuple[int, int, int, int]

TWENTY = [f"thing_{number:02d}" for number in range(20)]


def colour(place: int, folder: int = 0) -> Colour:
    """Return the colour of picture number `place` of folder number `folder`."""
    return 40 + 3 * place, 90 + 50 * folder, 200 - 3 * place


def fill(folder: Path, names: Sequence[str], number: int = 0, size: tuple[int, int] = (CELL, CELL)) -> Path:
    """Write a picture of one colour for each name into a new folder, number `number`, and return the folder."""
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        Image.new("RGB", size, colour(place, number)).save(folder / f"{name}.png")
    return folder


def fill_pair(home: Path) -> tuple[Path, Path]:
    return fill(home / "a", TWENTY), fill(home / "b", TWENTY, 1)


def read_sheet(path: Path) -> np.ndarray:
    """Return a sheet as an array (H, W) with one number for each pixel: 65536 * red + 256 * green + blue."""
    return np.asarray(Image.open(path)).astype(np.int32) @ np.array([65536, 256, 1], dtype=np.int32)


def find_box(sheet: np.ndarray, wanted: Colour) -> Box | None:
    """Return where a colour is on a sheet: left, top, right, bottom; None if the sheet does not have the colour."""
    found = sheet == 65536 * wanted[0] + 256 * wanted[1] + wanted[2]
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def find_boxes(sheets: Sequence[Path], count: int, folder: int = 0) -> list[tuple[int, Box]]:
    """Return, for each picture of a folder, the number of the sheet that shows it, and its box there."""
    pixels = [read_sheet(sheet) for sheet in sheets]
    boxes = []
    for place in range(count):
        found = [(number, find_box(sheet, colour(place, folder))) for number, sheet in enumerate(pixels)]
        ((number, box),) = [(number, box) for number, box in found if box is not None]
        boxes.append((number, box))
    return boxes


def read_key(out: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads((out / "key.json").read_text(encoding="utf-8"))
    return key


def reading_order(found: tuple[int, Box]) -> tuple[int, int, int]:
    """Return a key that sorts results of `find_boxes` by sheet, then from top to bottom, then from left to right."""
    sheet, (left, top, _, _) = found
    return sheet, top, left
