"""The table of a sweep: a Parquet file with a row for each cell that is done or failed; a write replaces the file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from das_core.common.files import write_atomically
from sweeper.errors import SweepError
from sweeper.journal import Row

OK, FAILED = "ok", "failed"
"""The values of the column `status`."""

_LISTS = {"pictures": pa.list_(pa.string())}
"""The types of columns that hold lists."""

_TEXT = pa.string()
_TYPES = dict.fromkeys(("cell", "status", "message", "texts", "changes", "settings"), _TEXT) | _LISTS
"""The types of columns that the sweep itself reads. A column that holds only None may also have Arrow's type null."""

_FLOATS = ("seconds", "load_seconds", "judge_seconds", "judge_as_is", "judge_afar", "judge_grey")

COLUMNS = frozenset(_TYPES) | frozenset(_FLOATS) | {
    "workflow", "judge", "recognised", "device", "threads", "worker", "finished", "pack", "torch", "python",
    "peak_bytes", "gpu_bytes",
}  # fmt: skip
"""The names of all columns that the sweep itself fills in (`CellRunner.run`); every other column belongs to an axis."""


class Table:
    """The rows of a sweep in memory, and the file that they are written to.

    Args:
        path: the Parquet file; if it exists, its rows are read.

    Raises:
        SweepError: the file cannot be read, is damaged, or is no table of a sweep.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: dict[str, Row] = {}
        self._table = _read(path)
        self.write_seconds = 0.0
        """The seconds that the last `write` took."""

    @property
    def states(self) -> dict[str, str]:
        """The status, "ok" or "failed", of each cell that has a row, by the hash of the cell."""
        cells, states = (self._table[name].to_pylist() for name in ("cell", "status"))
        return dict(zip(cells, states, strict=True)) | {cell: row["status"] for cell, row in self._new.items()}

    def list_values(self, column: str) -> set[Any]:
        """Return the different values of a column, without None; an empty set if there is no such column."""
        self._fold()
        if column not in self._table.column_names:
            return set()
        return set(pc.unique(self._table[column]).to_pylist()) - {None}

    def add(self, row: Row) -> None:
        """Add a row; it replaces an earlier row of the same cell."""
        cleaned = {name: _clean(value) for name, value in row.items()}
        self._new[cleaned["cell"]] = cleaned

    def rows(self) -> list[Row]:
        """Return all rows; a column that a row does not have is None."""
        self._fold()
        rows: list[Row] = self._table.to_pylist()
        return rows

    def write(self) -> None:
        """Write all rows to the file, atomically.

        Raises:
            OSError: the disk is full or cannot be written to; the file is unchanged.
        """
        begin = time.perf_counter()
        self._fold()
        with write_atomically(self._path) as part:
            pq.write_table(self._table, part, compression="zstd")
        self.write_seconds = time.perf_counter() - begin

    def _fold(self) -> None:
        """Move the new rows into the Arrow table, where they replace earlier rows of the same cells."""
        if not self._new:
            return
        again = pa.array(list(self._new))
        kept = self._table.filter(pc.invert(pc.is_in(self._table["cell"], again)))
        self._table = _join(kept, make_table(list(self._new.values())))
        self._new = {}


def _clean(value: Any) -> Any:
    """Return a value in a form that UTF-8 can encode: half of a surrogate pair, as in some file names, becomes '?'."""
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def make_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows as an Arrow table.

    A column of whole numbers and floats becomes a column of floats. A column of other mixed types becomes a column of
    texts, and so does a column of whole numbers if one of them does not fit into 64 bits.

    Args:
        rows: at least one.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _make_column(name, [row.get(name) for row in rows]) for name in names})


def _make_column(name: str, values: list[Any]) -> pa.Array:
    if name in _LISTS:
        return pa.array(values, _LISTS[name])
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float} or (name in _FLOATS and kinds <= {int, float}):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) > 1 or (kinds == {int} and any(abs(value) >= 2**63 for value in values if value is not None)):
        return pa.array([None if value is None else str(value) for value in values])
    return pa.array(values)


def _join(old: pa.Table, new: pa.Table) -> pa.Table:
    """Return the rows of two tables; a column whose types cannot be combined becomes a column of texts."""
    if not old.num_rows:
        return new
    try:
        return pa.concat_tables([old, new], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        differing = [name for name in old.column_names if name in new.column_names and _differ(old, new, name)]
        return pa.concat_tables([_to_texts(old, differing), _to_texts(new, differing)], promote_options="permissive")


def _differ(old: pa.Table, new: pa.Table, name: str) -> bool:
    types = {old.schema.field(name).type, new.schema.field(name).type} - {pa.null()}
    return len(types) > 1 and types != {pa.int64(), pa.float64()}


def _to_texts(table: pa.Table, names: Iterable[str]) -> pa.Table:
    for name in names:
        texts = [None if value is None else str(value) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
    return table


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        return pa.table({"cell": pa.array([], pa.string()), "status": pa.array([], pa.string())})
    try:
        # Not `pq.read_table`, which would read a folder named a=b in the path as a column a with the value b.
        table = pq.ParquetFile(path).read()
        # The values may be damaged too, such as texts that are not UTF-8.
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SweepError(f"{path} cannot be read: {error}; move it away, and its cells are computed again") from error
    kinds = {field.name: field.type for field in table.schema}
    fits = all(kinds.get(name, pa.null()) in (kind, pa.null()) for name, kind in _TYPES.items())
    whole = all(name in kinds and not table[name].null_count for name in ("cell", "status"))
    if not fits or not whole or len(kinds) < len(table.schema):
        raise SweepError(f"{path} is no table of a sweep; choose another folder with --results")
    return table
