"""The table: a Parquet file that is replaced as a whole and whose columns may change."""

import re
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cases import each_case
from repository import REPOSITORY
from sweeper.errors import SweepError
from sweeper.table import COLUMNS, Table, make_table


def row(cell: str, **columns: Any) -> dict[str, Any]:
    return {"cell": cell, "status": "ok", **columns}


def test_rows_or_none_survive_and_a_later_row_of_a_cell_replaces_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = Table(path)
    assert (table.states, table.rows()) == ({}, [])
    table.write()
    assert path.is_file()
    assert Table(path).states == {}
    table.add({"cell": "1", "status": "failed", "message": "why"})
    table.add(row("2", size=4))
    table.write()
    again = Table(path)
    again.add(row("1", pictures=["a.png"]))
    assert again.states == {"1": "ok", "2": "ok"}
    again.write()
    assert Table(path).rows() == again.rows()
    assert [(r["cell"], r["status"], r["message"], r["pictures"], r["size"]) for r in again.rows()] == [
        ("2", "ok", None, None, 4),
        ("1", "ok", None, ["a.png"], None),
    ]


def test_the_values_of_a_column(tmp_path: Path) -> None:
    table = Table(tmp_path / "t.parquet")
    assert table.list_values("size") == set()
    for cell, size in (("1", 4), ("2", 8), ("3", 4), ("4", None)):
        table.add(row(cell, size=size))
    assert table.list_values("size") == {4, 8}


@each_case(
    ("old", "new", "found"),
    [
        ([1, 2], [3], [1, 2, 3]),
        ([1, 2], [0.5], [1.0, 2.0, 0.5]),
        ([1, 2], ["three"], ["1", "2", "three"]),
        (["one", 2], [3], ["one", "2", "3"]),
        ([True], ["yes"], ["True", "yes"]),
        ([None], ["x"], [None, "x"]),
        ([2**63], [1], [str(2**63), "1"]),
    ],
)
def test_columns_of_other_types_go_together(tmp_path: Path, old: list[Any], new: list[Any], found: list[Any]) -> None:
    table = Table(tmp_path / "t.parquet")
    for number, value in enumerate(old):
        table.add(row(f"old {number}", value=value))
    table.write()
    for number, value in enumerate(new):
        table.add(row(f"new {number}", value=value))
    table.write()
    assert [entry["value"] for entry in Table(tmp_path / "t.parquet").rows()] == found


def test_types_are_those_of_the_values() -> None:
    types = make_table([row("1", a=1, b=0.5, c=True, d="x", pictures=["p"], seconds=1)]).schema
    found = [types.field(name).type for name in ("a", "b", "c", "d", "pictures", "seconds")]
    assert found == [pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.list_(pa.string()), pa.float64()]


def test_the_docs_name_the_columns_that_no_axis_may_have() -> None:
    (line,) = [
        line for line in (REPOSITORY / "docs" / "sweeps.md").read_text().splitlines() if line.startswith("A `group` ")
    ]
    assert set(re.findall("`(.+?)`", line)) - {"group"} == COLUMNS


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = Table(path)
    table.add(row("1"))
    table.write()
    before = path.read_bytes()
    table.add(row("2"))
    with (
        mock.patch("pyarrow.parquet.write_table", side_effect=OSError(28, "full")),
        pytest.raises(OSError, match="full"),
    ):
        table.write()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["t.parquet"]
    table.write()
    assert Table(path).states == {"1": "ok", "2": "ok"}


def test_half_a_surrogate_pair_does_not_end_a_sweep(tmp_path: Path) -> None:
    table = Table(tmp_path / "table.parquet")
    table.add({"cell": "1", "status": "failed", "message": "no file \ud800x", "pictures": ["\udcff.png"]})
    table.add({"cell": "\ud800", "status": "ok"})
    table.write()
    row, other = Table(tmp_path / "table.parquet").rows()
    assert (row["message"], row["pictures"], other["cell"]) == ("no file ?x", ["?.png"], "?")


@each_case("seconds", ["text", 10**30, True, float("nan"), None])
def test_seconds_of_a_stranger_end_no_sweep(tmp_path: Path, seconds: Any) -> None:
    table = Table(tmp_path / "table.parquet")
    table.add({"cell": "1", "status": "ok", "seconds": 1.5})
    table.add({"cell": "2", "status": "ok", "seconds": seconds})
    table.write()
    assert len(Table(tmp_path / "table.parquet").rows()) == 2


ROWS: dict[str, Any] = {"cell": ["1", "2"], "status": ["ok", "ok"]}


@each_case(
    ("content", "message"),
    [
        (b"no parquet", "cannot be read"),
        ({"a": [1]}, "is no table of a sweep"),
        # Columns of other types.
        (ROWS | {"cell": [1.5, 2.5]}, "is no table of a sweep"),
        (ROWS | {"cell": ["1", None]}, "is no table of a sweep"),
        (ROWS | {"status": [1, 2]}, "is no table of a sweep"),
        (ROWS | {"status": [None, None]}, "is no table of a sweep"),
        (ROWS | {"pictures": ["a.png", "b.png"]}, "is no table of a sweep"),
        (ROWS | {"pictures": [[1], [2]]}, "is no table of a sweep"),
        (ROWS | {"message": [1, 2]}, "is no table of a sweep"),
        (ROWS | {"texts": [b"{}", b"{}"]}, "is no table of a sweep"),
        # Bytes that are no text.
        (ROWS | {"cell": pa.array([b"\xff\xfe", b"b"]).view(pa.string())}, "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_of_a_sweep_is_refused(
    tmp_path: Path, content: bytes | dict[str, Any], message: str
) -> None:
    path = tmp_path / "table.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table(content), path)
    with pytest.raises(SweepError, match=message):
        Table(path)
