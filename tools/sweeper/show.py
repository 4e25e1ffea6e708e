"""What a sweep shows of its results: the contact sheet, and the page, one HTML file that can be sent to somebody."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from das_core.atlas.collection import Collection, Item, Picture, save_collection
from das_core.runs.cells import Cell, Row
from das_core.runs.results import Results, explain_unwritable, replace_file
from runner.picture_file import open_picture
from sweeper.grid import Option

# In pixels: the largest side of a sheet, and on it the largest and smallest side of a picture and the gap between two.
MAX_SIDE, PICTURE, SMALLEST, GAP = 8_000, 160, 48, 6
MAX_CELLS = 5_000  # that a page shows, each of some 20 KB
_HIDDEN = ("cell", "pictures", "texts", "settings", "message")  # the page shows these columns in other ways
_NOTE = "Drop the workflow or the PNG file of a cell onto ComfyUI's page, and its workflow opens."

Axes: TypeAlias = Mapping[str, Sequence[Option]]
Cells: TypeAlias = Mapping[tuple[int, ...], Cell]  # by the numbers of their options


def lay_out(axes: Axes, cells: Cells, sheet: Mapping[Any, Sequence[str]]) -> tuple[list[str], list[str], list[Any]]:
    """Return the labels of columns and rows, and the cells of each row; None is an empty place."""
    names, options, first = list(axes), list(axes.values()), sheet.get("rows", ())
    wide = [number for number, choices in enumerate(options) if len(choices) > 1]
    if len(wide) < 2:
        side, listed = math.ceil(math.sqrt(len(cells))), list(cells.values())
        return [], [], [listed[start : start + side] for start in range(0, len(cells), side)]
    across = [number for number, name in enumerate(names) if name in sheet.get("columns", ())]
    across = across or [number for number in wide if names[number] not in first][-1:]
    down = sorted((n for n in range(len(names)) if n not in across), key=lambda number: names[number] not in first)
    places = {tuple(tuple(choice[n] for n in some) for some in (across, down)): cell for choice, cell in cells.items()}
    columns, rows = (sorted(set(some)) for some in zip(*places, strict=True))

    def label(numbers: Sequence[int], choice: Sequence[int]) -> str:
        return ", ".join(options[number][option].label for number, option in zip(numbers, choice, strict=True))

    table = [[places.get((column, row)) for column in columns] for row in rows]
    return [label(across, column) for column in columns], [label(down, row) for row in rows], table


def save_sheet(axes: Axes, cells: Cells, sheet: Mapping[Any, Sequence[str]], results: Results) -> str:
    """Save sheet.png in the folder of results, and return its path, with what it shows if that is not everything."""
    columns, rows, places = lay_out(axes, cells, sheet)
    font, line = ImageFont.load_default(13), 17
    head, below = (line + 8, 0) if columns else (0, line)
    margin = min(220, GAP + max(int(font.getlength(_cut(name))) for name in rows)) if rows else 0
    size = max(SMALLEST, min(PICTURE, (MAX_SIDE - margin) // len(places[0]) - GAP))
    across = min(len(places[0]), (MAX_SIDE - margin - GAP) // (size + GAP))
    down = min(len(places), (MAX_SIDE - head - GAP) // (size + GAP + below))
    image = Image.new("RGB", (margin + across * (size + GAP) + GAP, head + down * (size + GAP + below) + GAP), "white")
    draw, letters = ImageDraw.Draw(image), max(4, 26 * size // PICTURE)
    lefts = [margin + GAP + number * (size + GAP) for number in range(across)]
    for left, name in zip(lefts, columns, strict=False):
        draw.text((left, GAP), _cut(name, letters), "black", font)
    for number, row in enumerate(places[:down]):
        top = head + number * (size + GAP + below)
        draw.text((GAP, top + size // 2), _cut(rows[number] if rows else ""), "black", font)
        for left, cell in zip(lefts, row, strict=False):
            if cell:
                image.paste(_draw_cell(results.rows.get(cell.hash), results.path, size), (left, top))
                label = "" if columns else ", ".join(map(str, [*cell.columns.values()][1:-1]))
                draw.text((left, top + size + 1), _cut(label, letters), "black", font)
    with replace_file(results.path / "sheet.png") as part:
        image.save(part, "PNG")
    whole = (down, across) == (len(places), len(places[0]))
    return f"{results.path / 'sheet.png'}" + ("" if whole else f" (the first {down:,} rows and {across:,} columns)")


def _draw_cell(row: Row | None, folder: Path, size: int) -> Image.Image:
    """Return the first picture of a cell; without one, a grey square, with a red cross if the cell has failed."""
    if picture := make_thumbnail(row, folder, size):
        return ImageOps.pad(picture, (size, size), Image.Resampling.BICUBIC, "white")  # enlarges small pictures, too
    square = Image.new("RGB", (size, size), "#e8e8e8")
    if row and row["status"] == "failed":
        ImageDraw.Draw(square).line((0, 0, size - 1, size - 1), "#b00020", 2)
        ImageDraw.Draw(square).line((0, size - 1, size - 1, 0), "#b00020", 2)
    return square


def _cut(text: str, letters: int = 26) -> str:
    text = " ".join(text.split())
    return text if len(text) <= letters else text[: letters - 1] + "…"


def make_thumbnail(row: Row | None, folder: Path, size: int) -> Image.Image | None:
    """Return the first picture of a row; None without one, or if its file is damaged or outside `folder`."""
    try:
        path = (folder / row["pictures"][0]).resolve() if row and row["pictures"] else folder
        if not path.is_file() or not path.is_relative_to(folder):
            return None
        with open_picture(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError):  # also for a path with a null character, or one that is too long
        return None
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def save_page(
    name: str, axes: Sequence[str], cells: Sequence[Cell], results: Results, make_prompt: Callable[[Cell], Any]
) -> str:
    """Save index.html, with the columns `axes` in titles; return its path, with what it shows if not everything."""
    done = [(cell, results.rows[cell.hash]) for cell in cells if cell.hash in results.rows]
    shown = done[:MAX_CELLS]
    names = dict.fromkeys(name for _, row in shown for name, value in row.items() if value is not None)
    columns = tuple(column for column in names if column not in _HIDDEN)
    items = tuple(_make_item(row, columns, axes, results.path, make_prompt(cell)) for cell, row in shown)
    collection = Collection(name, len(cells), columns, items=items, note=_NOTE, noun="cells", mark="recognised")
    with explain_unwritable(results.path / "index.html"):
        path = save_collection(results.path, collection, embed=True)
    return f"{path}" + ("" if shown == done else f" (the first {len(shown):,} cells)")


def _make_item(row: Row, columns: Sequence[str], axes: Sequence[str], folder: Path, prompt: Any) -> Item:
    """Return what the page shows of a cell."""
    try:
        texts = dict(json.loads(row.get("texts") or "{}"))
    except (TypeError, ValueError, RecursionError):  # rows are not trusted
        texts = {}
    downloads = [("Workflow (JSON)", _make_link("application/json", json.dumps(prompt, indent=2).encode()))]
    pictures = []
    if row["pictures"]:
        downloads.append(("Picture with its workflow (PNG)", row["pictures"][0]))
    if thumbnail := make_thumbnail(row, folder, 224):
        thumbnail.save(buffer := io.BytesIO(), "WEBP", quality=80)
        pictures.append(Picture(row["pictures"][0], thumbnail=_make_link("image/webp", buffer.getvalue())))
    return Item(
        id=row["cell"],
        title=" · ".join(str(row[axis]) for axis in axes if row.get(axis) is not None) or row["cell"][:8],
        values=tuple(row.get(column) for column in columns),
        pictures=tuple(pictures),
        texts=tuple((title, "\n".join(map(str, lines))) for title, lines in texts.items() if isinstance(lines, list)),
        message=row["message"] or "",
        failed=row["status"] == "failed",
        downloads=tuple(downloads),
    )


def _make_link(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
