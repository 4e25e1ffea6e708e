"""All cells of a grid, and everything that is wrong with any of them before anything runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from sweeper.errors import SweepError
from sweeper.grid_cells import list_cells, read_prompts
from sweeper.grid_file import read_grid

Write = Callable[..., Path]
Load = Callable[..., Any]


def test_every_combination_is_a_cell_of_its_own(write_grid: Write, load: Load) -> None:
    cells = list_cells(*load(write_grid("workflow: color.json\naxes: {1.size: [4, 8], 1.level: [0, 0.5, 1]}")))
    assert [cell.settings for cell in cells[:2]] == [{"1.size": 4, "1.level": 0}, {"1.size": 4, "1.level": 0.5}]
    assert len({cell.hash for cell in cells}) == len(cells) == 6
    assert {cell.workflow for cell in cells} == {"color"}


def test_a_larger_grid_has_the_cells_of_the_smaller_one(write_grid: Write, load: Load) -> None:
    few = list_cells(*load(write_grid("workflow: color.json\naxes: {1.level: [0, 1]}")))
    more = list_cells(*load(write_grid("workflow: color.json\naxes: {Colour.level: [1, 0.25, 0], 1.size: [8, 4]}")))
    assert {cell.hash for cell in few} < {cell.hash for cell in more}
    assert len(more) == 6


def test_several_workflows_are_an_axis(write_grid: Write, load: Load) -> None:
    path = write_grid("workflows: {one: color.json, two: color.json}\nset: {1.size: 4}\naxes: {1.level: [0, 1]}")
    cells = list_cells(*load(path))
    # The same file under two labels: the same nodes are the same cell, computed once.
    assert [(cell.workflow, cell.columns) for cell in cells] == [("one", {"1.level": 0}), ("one", {"1.level": 1})]


def test_everything_wrong_is_listed_once_with_the_cells_it_concerns(write_grid: Write, load: Load) -> None:
    text = "workflow: color.json\naxes: {1.size: [4, 1], Colours.level: [0, 1]}"
    with pytest.raises(SweepError) as caught:
        list_cells(*load(write_grid(text)))
    assert list(caught.value.problems) == [
        "no node 'Colours' in the workflow; nearest: Colour, TOY_Color (4 of 4 cells)"
    ]
    text = "workflow: color.json\naxes: {1.size: [4, 1, 99], 1.level: [0.5, 2]}"
    with pytest.raises(SweepError) as caught:
        list_cells(*load(write_grid(text)))
    assert sorted(caught.value.problems) == [
        "node 1 (TOY_Color): level = 2.0 is above the maximum 1.0; it takes FLOAT from 0.0 to 1.0 (3 of 6 cells)",
        "node 1 (TOY_Color): size = 1 is below the minimum 2; it takes INT from 2 to 16 (2 of 6 cells)",
        "node 1 (TOY_Color): size = 99 is above the maximum 16; it takes INT from 2 to 16 (2 of 6 cells)",
    ]


@each_case(
    "name",
    [
        "threads", "pack", "torch", "python", "judge", "judge_grey", "judge_seconds", "recognised", "load_seconds",
        "changes", "peak_bytes", "gpu_bytes", "status",
    ],
)  # fmt: skip
def test_no_axis_overwrites_a_column_that_every_table_has(write_grid: Write, load: Load, name: str) -> None:
    text = f"workflow: color.json\naxes: {{1.level: [0, 2], {name}: {{group: {{a: {{1.size: 4}}, b: {{1.size: 8}}}}}}}}"
    with pytest.raises(SweepError) as caught:
        list_cells(*load(write_grid(text)))
    assert list(caught.value.problems) == [
        f"axis {name}: the table has a column of this name; choose another",
        "node 1 (TOY_Color): level = 2.0 is above the maximum 1.0; it takes FLOAT from 0.0 to 1.0 (2 of 4 cells)",
    ]


@each_case(
    ("text", "message"),
    [
        ("axes: {1.size: [4], g: {group: {a: {1.size: 8}}}}", "two axes set the same input"),
        ("axes: {1.size: [4], TOY_Color.size: [8]}", "is set twice in one cell"),
        ("only: Colour\naxes: {1.size: [4]}", "workflow color: node 1 (TOY_Color) has no output"),
    ],
)
def test_other_mistakes(write_grid: Write, load: Load, text: str, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        list_cells(*load(write_grid(f"workflow: color.json\n{text}")))
    assert message in str(caught.value)


def test_all_workflow_files_that_cannot_be_read_are_named(write_grid: Write, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SweepError) as caught:
        read_prompts(read_grid(write_grid("workflows: {a: none.json, b: bad.json, c: color.json}")))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"cannot read {tmp_path / 'none.json'}",
        f"{tmp_path / 'bad.json'} is not a JSON file",
    ]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero, a file without end")
def test_a_device_is_no_workflow(write_grid: Write) -> None:
    with pytest.raises(SweepError, match="cannot read /dev/zero: it is no file"):
        read_prompts(read_grid(write_grid("workflow: /dev/zero\naxes: {1.level: [0, 1]}")))
