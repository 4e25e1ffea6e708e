"""The page of a sweep: one HTML file that contains thumbnails of the pictures, needs no server and loads no other file.

The page is put together from `page.html`, `page.css` and `page.js` beside this file.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from das_core.common.files import write_atomically
from sweeper.cells import Cell
from sweeper.grid_sheet import make_thumbnail
from sweeper.journal import Row

MAX_CELLS = 5_000
"""The most cells that a page shows: each takes some 10 KB, and a page with more cells is slow in a browser."""

_THUMBNAIL, _QUALITY = 224, 85

_HIDDEN = ("cell", "pictures", "texts", "settings", "changes", "message", "status")
"""Columns that the page shows in other ways, and so not in its list of columns."""

_PARTS = Path(__file__).parent

_SAFE = 2**53
"""From this number on, JavaScript rounds whole numbers."""


def save_page(
    name: str, prompts: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell], rows: Mapping[str, Row], path: Path
) -> int:
    """Save the page, and return how many cells it shows.

    Args:
        name: the name of the sweep.
        prompts: the workflows of the sweep in API format, without the settings of cells, by label.
        cells: the cells, in the order of the grid. Of those with a row, the page shows the first `MAX_CELLS`.
        rows: the rows of the table, by the hash of the cell.
        path: the HTML file; the paths of pictures are relative to its folder.
    """
    shown = [rows[cell.hash] for cell in cells if cell.hash in rows][:MAX_CELLS]
    columns = [name for name in dict.fromkeys(name for row in shown for name in row) if name not in _HIDDEN]
    axes = list(dict.fromkeys(name for cell in cells[:1] for name in cell.columns))
    data = {
        "name": name,
        "total": len(cells),
        "prompts": prompts,
        "axes": axes,
        "columns": [column for column in columns if any(row.get(column) is not None for row in shown)],
        "cells": [_make_entry(row, columns, path.parent) for row in shown],
    }
    # The data stands inside a script element. A "<" in a text could begin "</script>", which ends the element, or
    # "<!--", which begins a comment.
    text = json.dumps(_for_browser(data), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    page = (_PARTS / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": html.escape(name),
        "STYLE": (_PARTS / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (_PARTS / "page.js").read_text(encoding="utf-8"),
        "DATA": text,
    }
    pieces = page.split("@@")  # in page.html, the name of each part stands between two "@@"
    with write_atomically(path) as part:
        part.write_text("".join(parts.get(piece, piece) for piece in pieces), encoding="utf-8")
    return len(shown)


def _make_entry(row: Row, columns: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the data of one cell for the page: its row of the table, and a thumbnail of its first picture.

    Args:
        row: the row of the cell.
        columns: the columns whose values the page shows in its list of columns.
        folder: the folder to which the paths of the pictures are relative.
    """
    entry: dict[str, Any] = {
        "id": row["cell"],
        "status": row["status"],
        "values": {name: row[name] for name in columns if row.get(name) is not None},
        "changes": _read_mapping(row.get("changes")),
        "texts": {
            title: [str(text) for text in texts]
            for title, texts in _read_mapping(row.get("texts")).items()
            if isinstance(texts, list)
        },
        "pictures": row.get("pictures") or [],
    }
    if row.get("message"):
        entry["message"] = row["message"]
    picture = make_thumbnail(row, folder, _THUMBNAIL)
    if picture:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        entry["image"] = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return entry


def _read_mapping(text: Any) -> dict[str, Any]:
    """Return the mapping that a column holds as JSON; an empty mapping if the column holds anything else."""
    try:
        found = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _for_browser(value: Any) -> Any:
    """Return a value in a form that JavaScript can read from JSON without a loss.

    JSON has no NaN or infinity, so these become text. JavaScript rounds whole numbers beyond 2^53, so these become
    `{"$big": digits}`; page.js shows the digits, and writes them as numbers into workflows.
    """
    if isinstance(value, dict):
        return {name: _for_browser(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_for_browser(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if type(value) is int and abs(value) >= _SAFE:
        return {"$big": str(value)}
    return value
