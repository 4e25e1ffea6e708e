"""A grid over settings: a row for each combination in order, errors kept, and a folder from which it goes on."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import direct_ascent as da
from cases import each_case, refuses
from das_core.runs.cells import RunsError
from das_core.runs.sweep import sweep
from quick_render import render


def halve(value: int, name: str) -> dict[str, Any]:
    if value == 2 and name == "b":
        raise RuntimeError("two is too many")
    return {"half": value / 2, "whole": np.int64(value), "score": torch.tensor([value * 0.5]), "none": None}


def quick(run: Any, grid: Any, path: Path | None = None, **settings: Any) -> list[dict[str, Any]]:
    return sweep(grid, run, path, progress=False, **settings)


@each_case("stored", False, True)
def test_rows_come_in_order_with_settings_results_and_errors(tmp_path: Path, stored: bool) -> None:
    rows = quick(halve, {"value": range(3), "name": iter("ab")}, tmp_path / "grid" if stored else None)
    assert [(row["value"], row["name"]) for row in rows] == [(v, n) for v in range(3) for n in "ab"]
    assert [row["status"] for row in rows] == ["ok"] * 5 + ["failed"]
    assert [row.get("half") for row in rows] == [0, 0, 0.5, 0.5, 1, None]
    assert [float(row["score"]) for row in rows[:5]] == [0, 0, 0.5, 0.5, 1]
    assert rows[-1]["message"].startswith("RuntimeError: two is too many (test_sweep.py:")
    assert list(rows[0]) == ["value", "name", "half", "whole", "score", "none", "status", "message", "seconds"]
    if stored:
        table = pq.read_table(tmp_path / "grid/table.parquet").to_pylist()
        assert sorted(row["value"] for row in table) == [0, 0, 1, 1, 2, 2]


def test_without_a_folder_anything_is_a_setting_and_a_result() -> None:
    made = object()
    rows = quick(lambda model: (model, made), {"model": [made, torch.ones(3)]})
    assert [row["result"][1] for row in rows] == [made, made]
    assert rows[0]["result"][0] is rows[0]["model"] is made


def test_a_folder_goes_on_where_it_was_stopped_and_grows(tmp_path: Path) -> None:
    calls = list[tuple[Any, ...]]()

    def run(seed: int, recipe: Any = None) -> Any:
        calls.append((seed, recipe))
        if len(calls) == 3:
            raise KeyboardInterrupt
        if seed == 3 and len(calls) < 7:
            raise ValueError("not yet")
        return seed

    with pytest.raises(KeyboardInterrupt):
        quick(run, {"seed": range(4)}, tmp_path)
    first = quick(run, {"seed": range(4)}, tmp_path)
    assert [seed for seed, _ in calls] == [0, 1, 2, 2, 3]
    assert [row.get("result") for row in first] == [0, 1, 2, None]
    assert quick(run, {"seed": [5, 3, 0]}, tmp_path)[1]["message"].startswith("ValueError: not yet (test_sweep.py:")
    assert [seed for seed, _ in calls[5:]] == [5]
    assert quick(run, {"seed": [3]}, tmp_path, retry=True)[0]["status"] == "ok"
    # Values that differ in type alone are others, and so are recipes that differ in a number within.
    recipes = [da.SKETCH, replace(da.SKETCH, optimizer=da.ascent.SGD(0.5)), "sketch", None, 1, 1.0, True, "1", [1, 2]]
    found = quick(run, {"seed": [9], "recipe": recipes}, tmp_path)
    assert [(row["recipe"], row["result"]) for row in found] == [(recipe, 9) for recipe in recipes]
    count = len(calls)
    assert quick(run, {"recipe": recipes, "seed": [9]}, tmp_path)[3]["recipe"] is None
    assert len(calls) == count
    with pytest.raises(RunsError, match="is of another run"):
        quick(halve, {"value": [1], "name": ["b"]}, tmp_path)


def test_pictures_are_files_of_the_folder(tmp_path: Path) -> None:
    def run(seed: int, batch: int) -> dict[str, Any]:
        made = render("2:3", seed=seed, batch=batch, steps=1)
        return {"picture": made, "grey": Image.new("L", (4, 4)), "score": made.scores["2 channel 3"][0]}

    for _ in range(2):  # The second time they are there.
        rows = quick(run, {"seed": [0, 1], "batch": [1, 2]}, tmp_path / "grid")
        assert [row["status"] for row in rows] == ["ok"] * 4
        assert all(Image.open(row["picture"]).size == (48, 48) for row in rows)
        assert all(Image.open(row["grey"]).size == (4, 4) for row in rows)
        assert len({Path(row["picture"]).read_bytes() for row in rows}) >= 2


@each_case(
    ("made", "message"),
    ([1, 2], "'result' is a list; a row in a folder has numbers, texts, and pictures"),
    ({"score": torch.ones(3)}, "'score' is a Tensor; a row in a folder"),
    ({"status": 1}, "the function returns 'status', which names another column; rename it"),
    ({"seed": 1}, "the function returns 'seed'"),
    ({3: 1}, "the function returns '3'"),
)
def test_what_a_row_cannot_hold_is_said_in_it(tmp_path: Path, made: Any, message: str) -> None:
    (row,) = quick(lambda seed: made, {"seed": [1]}, tmp_path / "grid")
    assert (row["status"], message in row["message"]) == ("failed", True)


@each_case("value", math.nan, math.inf, 10**30, "a\ud800\x00", "", -0.0, np.float32(0.1), np.bool_(True))
def test_any_number_or_text_is_kept(tmp_path: Path, value: Any) -> None:
    for _ in range(2):
        (row,) = quick(lambda seed: seed, {"seed": [value]}, tmp_path / "grid")
        assert (row["status"], row["seed"]) == ("ok", value) or math.isnan(value)
        assert row["result"] == (value if value != "a\ud800\x00" else "a?\x00") or math.isnan(row["result"])


test_what_is_no_grid_is_said = refuses(
    lambda grid, run, path: quick(run, grid, path),
    ({}, print, None, "the grid {} has no settings; write sweep"),
    ([1], print, None, r"the grid \[1\] has no settings"),
    ({"seed": [1]}, 3, None, "3 is no function"),
    ({"seed": []}, print, None, "seed has no values"),
    ({"seed": 3}, print, None, "the values of seed 3 is no list; give one"),
    ({"seed": "abc"}, print, None, "the values of seed abc is no list"),
    ({"a": range(400), "b": range(400)}, print, None, "160,000 combinations are above 100,000"),
    ({"message": [1]}, lambda message: 1, None, "'message' cannot be the name of a setting"),
    ({3: [1]}, print, None, "'3' cannot be the name of a setting"),
    ({"sed": [1]}, halve, None, r"the function does not take sed \(missing a required argument: 'value'\)"),
    ({"value": [torch.ones(3)], "name": ["a"]}, halve, Path("none"), "value has a value .* could not know again"),
    ({"value": [1, print], "name": ["a"]}, halve, Path("none"), "value has a value of the type"),
    (
        {"value": [da.Dictionary("a", torch.eye(2), torch.ones(2))], "name": ["a"]},
        halve,
        Path("none"),
        "could not know",
    ),
)
