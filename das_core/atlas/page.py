"""Pages of items, which are made of columns: each says something of units. Nothing here knows of models."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image
from torch import Tensor

from ..common.images import to_bytes
from ..runs.cells import Cell, Row, RunOne, RunsStoppedError, Workers
from ..runs.engine import run_cells
from ..runs.results import Results, explain_unwritable, replace_file, write_table
from .collection import Collection, Item, Picture, save_collection

# What is said of units: by the names of columns, then by the numbers of units. `_FIELDS` are what `Item` calls so; in
# other columns, tuples of pictures are shown, tuples of entries are lists, and all else are values to sort by.
Columns: TypeAlias = Mapping[str, Mapping[int, Any]]
_FIELDS = ("id", "title", "message", "failed")


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
