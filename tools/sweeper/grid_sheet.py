"""The contact sheet of a sweep: pictures of cells with labels, in rows and columns along the axes of the grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from das_core.common.files import write_atomically
from runner.picture_file import open_picture
from sweeper.axes import Axis, Option
from sweeper.cells import Cell
from sweeper.journal import Row
from sweeper.table import FAILED

PICTURE, GAP, FONT = 160, 6, 13
"""In pixels: the side of a picture, the gap between two pictures, and the font size."""

MAX_SIDE = 8_000
"""The largest side of a sheet in pixels. If there are many columns, pictures are drawn smaller, down to `_MIN_PICTURE`.
Columns and rows that still do not fit are left out."""

_MIN_PICTURE = 48
_MAX_LABEL = 26
_BACKGROUND, _INK, _EMPTY, _RED = "white", "black", "#e8e8e8", "#b00020"


@dataclass(frozen=True)
class Layout:
    """The arrangement of cells on the contact sheet.

    Args:
        columns: the labels of the columns; if empty, each picture gets a label of its own.
        rows: the labels of the rows; empty if `columns` is empty.
        cells: for each row, the cell of each column. None is an empty place: the cell there occurs elsewhere too and is
            shown only once, or the last row is not full.
    """

    columns: Sequence[str]
    rows: Sequence[str]
    cells: Sequence[Sequence[Cell | None]]


def lay_out(
    axes: Sequence[Axis], cells: Sequence[Cell], columns: Sequence[str] = (), rows: Sequence[str] = ()
) -> Layout:
    """Return the arrangement of the cells of a grid in rows and columns.

    If at most one axis has several options, the layout is about square (`_wrap`), whatever `columns` and `rows` are.

    Args:
        axes: the axes of the grid.
        cells: all cells of the grid.
        columns: the names of the axes whose options make the columns; if empty, the last axis that has several options
            and is not in `rows`. If there is no such axis, the layout has one column.
        rows: the names of the axes whose options make the rows; none of them may be in `columns`. All other axes that
            make no columns also make rows. They come after the axes of `rows`, and so change faster from row to row.
    """
    wide = [axis for axis in axes if len(axis.options) > 1]
    if len(wide) < 2:
        return _wrap(cells)
    across = [axis for axis in axes if axis.name in columns] or [axis for axis in wide if axis.name not in rows][-1:]
    down = [axis for axis in axes if axis.name in rows]
    down += [axis for axis in axes if axis not in across and axis not in down]
    by_options = {cell.options: cell for cell in cells}

    def find(chosen: Mapping[str, Option]) -> Cell | None:
        return by_options.get(tuple(chosen[axis.name] for axis in axes))

    choices = [list(itertools.product(*(axis.options for axis in some))) for some in (across, down)]
    names = [[axis.name for axis in some] for some in (across, down)]
    table = [
        [find(dict(zip(names[0] + names[1], column + row, strict=True))) for column in choices[0]] for row in choices[1]
    ]
    titles = [[", ".join(option.label for option in choice) for choice in some] for some in choices]
    return Layout(titles[0], titles[1], table)


def _wrap(cells: Sequence[Cell]) -> Layout:
    """Return a layout that is about square and has no labels, for a grid where at most one axis has several options."""
    side = math.ceil(math.sqrt(len(cells)))
    padded: list[Cell | None] = [*cells, *[None] * (-len(cells) % side)]
    return Layout([], [], [padded[start : start + side] for start in range(0, len(padded), side)])


def save_sheet(layout: Layout, rows: Mapping[str, Row], folder: Path, path: Path) -> tuple[int, int]:
    """Save a contact sheet as PNG, and return how many rows and how many columns it shows.

    Rows and columns that do not fit into `MAX_SIDE` pixels are left out.

    Args:
        layout: the arrangement of the cells. If `layout.columns` is empty, each picture has its label below it.
        rows: the rows of the table, by the hash of the cell.
        folder: the folder of results; the paths of pictures in the table are relative to it.
        path: the PNG file.
    """
    font = ImageFont.load_default(FONT)
    wrapped = not layout.columns
    head = 0 if wrapped else FONT + 2 * GAP
    margin = 0 if wrapped else min(220, GAP + max((int(font.getlength(_cut(name))) for name in layout.rows), default=0))
    count = max(len(layout.cells[0]), 1)
    size = max(_MIN_PICTURE, min(PICTURE, (MAX_SIDE - margin) // count - GAP))
    height = size + GAP + (FONT + 4 if wrapped else 0)
    count = min(count, (MAX_SIDE - margin - GAP) // (size + GAP))
    shown = layout.cells[: (MAX_SIDE - head - GAP) // height]
    width = margin + count * (size + GAP) + GAP
    sheet = Image.new("RGB", (width, head + len(shown) * height + GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    letters = max(4, int(_MAX_LABEL * size / PICTURE))
    for number, name in enumerate(layout.columns[:count]):
        draw.text((margin + GAP + number * (size + GAP), GAP), _cut(name, letters), _INK, font)
    for number, line in enumerate(shown):
        top = head + number * height
        if not wrapped:
            draw.text((GAP, top + size // 2), _cut(layout.rows[number]), _INK, font)
        for place, cell in enumerate(line[:count]):
            if cell is not None:
                left = margin + GAP + place * (size + GAP)
                _draw_cell(sheet, draw, rows.get(cell.hash), folder, (left, top), size)
                if wrapped:
                    label = ", ".join(option.label for option in cell.options)
                    draw.text((left, top + size + 1), _cut(label, letters), _INK, font)
    with write_atomically(path) as part:
        sheet.save(part, "PNG")
    return len(shown), count


def _draw_cell(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, row: Row | None, folder: Path, place: tuple[int, int], size: int
) -> None:
    """Draw the first picture of a cell; without a picture, a grey square, with a red cross if the cell has failed.

    Args:
        sheet: the contact sheet.
        draw: the drawing context of the sheet.
        row: the row of the cell; None if it has none yet.
        folder: the folder of results.
        place: the left and the top edge of the square for the cell, in pixels of the sheet.
        size: the side of this square in pixels.
    """
    picture = make_thumbnail(row, folder, size)
    if picture:
        # `contain` also enlarges pictures that are smaller than `size`.
        fitted = ImageOps.contain(picture, (size, size), Image.Resampling.BICUBIC)
        sheet.paste(fitted, (place[0] + (size - fitted.width) // 2, place[1] + (size - fitted.height) // 2))
        return
    box = (*place, place[0] + size - 1, place[1] + size - 1)
    draw.rectangle(box, _EMPTY)
    if row and row["status"] == FAILED:
        draw.line(box, _RED, 2)
        draw.line((box[0], box[3], box[2], box[1]), _RED, 2)


def make_thumbnail(row: Row | None, folder: Path, size: int) -> Image.Image | None:
    """Return the first picture of a row, at most `size` pixels a side.

    Return None if the row has no picture, or if the file of the picture is missing, damaged or outside `folder`. Rows
    are not trusted, so they can contain any path.
    """
    if not row or not row.get("pictures"):
        return None
    path = folder / str(row["pictures"][0])
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return None
    try:
        with open_picture(path) as opened:
            picture = opened.convert("RGB")
    except ValueError:
        return None
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def _cut(text: str, letters: int = _MAX_LABEL) -> str:
    text = " ".join(text.split())
    return text if len(text) <= letters else text[: letters - 1] + "…"
