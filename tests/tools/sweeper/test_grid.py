"""Grid files: what they may say, everything that is wrong with one at once, and files that are no grids."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from das_core.runs.cells import RunsError
from sweeper.grid import MAX_VALUES
from sweeper.grid_file import read_grid

Write = Callable[..., Path]

FULL = """
name: mine
workflows: {small: color.json, other: sub/other.json}
only: Save Image
set: {1.size: 4}
axes:
  1.level: {from: 0, to: 1, count: 3}
  both: {zip: {1.size: [4, 8], 1.batch: {from: 1, to: 2}}}
  pace: {group: {slow: {5.steps: 60, 5.rate: 0.1}, 2: {}}}
judge: {class: 2.classes}
sheet: {columns: [pace], rows: 1.level}
"""


def test_everything_that_a_grid_can_say(write_grid: Write, tmp_path: Path) -> None:
    grid = read_grid(write_grid("workflow: color.json\naxes: {1.size: [4]}"))
    assert (grid.name, list(grid.files)) == ("grid", ["color"])
    grid = read_grid(write_grid(FULL))
    assert (grid.name, grid.only, grid.settings) == ("mine", ["Save Image"], {"1.size": 4})
    assert grid.files == {"small": tmp_path / "color.json", "other": tmp_path / "sub" / "other.json"}
    assert (grid.judge, grid.sheet) == ({"class": "2.classes"}, {"columns": ["pace"], "rows": ["1.level"]})
    options = {name: [tuple(option) for option in options] for name, options in grid.axes.items()}
    assert options == {
        "workflow": [("small", {}, {}, "small"), ("other", {}, {}, "other")],
        "1.level": [(str(level), {"1.level": level}, {"1.level": level}, "") for level in (0.0, 0.5, 1.0)],
        "both": [
            ("4, 1", {"1.size": 4, "1.batch": 1}, {"1.size": 4, "1.batch": 1}, ""),
            ("8, 2", {"1.size": 8, "1.batch": 2}, {"1.size": 8, "1.batch": 2}, ""),
        ],
        # Groups are named in the table by their labels.
        "pace": [("slow", {"5.steps": 60, "5.rate": 0.1}, {"pace": "slow"}, ""), ("2", {}, {"pace": "2"}, "")],
    }


@each_case(
    ("written", "values"),
    ("[1, two, 0.5, true]", [1, "two", 0.5, True]),
    ("[1, true, '1', 1.0]", [1, True, "1", 1.0]),
    ("{from: 0, to: 3}", [0, 1, 2, 3]),
    ("{from: 1, to: 8, step: 3}", [1, 4, 7]),
    ("{from: 0, to: 0.3, step: 0.1}", [0.0, 0.1, 0.2, 0.3]),
    ("{from: 1, to: 0, count: 3}", [1.0, 0.5, 0.0]),
    ("{from: 0.01, to: 100, count: 5, scale: log}", pytest.approx([0.01, 0.1, 1, 10, 100])),
    ("{from: 1.0e-300, to: 1.0e+300, count: 3, scale: log}", pytest.approx([1e-300, 1, 1e300])),
)
def test_values_are_a_list_or_a_range(write_grid: Write, written: str, values: list[Any]) -> None:
    (options,) = read_grid(write_grid(f"workflow: color.json\naxes: {{1.size: {written}}}")).axes.values()
    found = [option.settings["1.size"] for option in options]
    assert found == values
    assert not isinstance(values, list) or list(map(type, found)) == list(map(type, values))


AXES = "workflow: color.json\naxes: "


@each_case(
    ("text", "message"),
    ("", "is no grid"),
    ("axes: {1.size: [4]}", "write either 'workflow: FILE.json' or 'workflows:'"),
    ("workflow: {a: 1}\naxes: {1.size: [4]}", "workflow = {'a': 1}: write a name"),
    ("workflow: color.json", "the grid is empty"),
    (AXES + "[1.size]", "axes = ['1.size']: write lines NAME: value"),
    (AXES + "{workflow: {group: {a: {}}}}", "this name is taken"),
    (AXES + "{1.size: [4]}\nsheet: {columns: 1.sise}", "no axis '1.sise'; nearest: 1.size"),
    (AXES + "{1.size: [4]}\nsheet: {colums: 1.size}", "'colums': Input should be 'columns' or 'rows'"),
    (AXES + "{1.size: [4]}\nsheet: {columns: 1.size, rows: 1.size}", "'1.size' is there twice"),
    (AXES + "{1.size: [4]}\njudge: {class: a.b, text: a.b}", "should have at most 1 item"),
    # Axes.
    (AXES + "{pace: [1, 2]}", "axis pace: under NODE.INPUT, write a list"),
    (AXES + "{1.size: 3}", "axes, 1.size = 3: under NODE.INPUT, write a list"),
    (AXES + "{both: {zip: {1.size: [4, 8], 1.level: [1]}}}", "need equal numbers, not [2, 1]"),
    (AXES + "{both: {zip: {}}}", "write at least one"),
    # Values.
    (AXES + "{1.size: []}", "1.size = []: write at least one"),
    (AXES + "{1.size: [1, 2, 1]}", "1 is there twice"),
    (AXES + "{1.size: [null]}", "1.size, 0 = None: write a number, true, false, or a text in quotes"),
    # Ranges.
    (AXES + "{1.size: {from: 0}}", "Field required"),
    (AXES + "{1.size: {from: 0, to: 1, by: 1}}", "unknown key 'by'; there are: count, from, scale, step, to"),
    (AXES + "{1.size: {from: 0, to: 1, step: 1, count: 2}}", "two different ends, and no step"),
    (AXES + "{1.size: {from: 0, to: '1'}}", "to = '1': write a number"),
    (AXES + "{1.size: {from: 0, to: .inf}}", "to = inf: write a finite number"),
    (AXES + "{1.size: {from: 1, to: 0}}", "needs from <= to"),
    (AXES + "{1.size: {from: 0, to: 1, step: 0}}", "a step above 0"),
    (AXES + "{1.size: {from: 0, to: 1, count: 1}}", "count = 1: Input should be greater than or equal to 2"),
    (AXES + "{1.size: {from: 0, to: 1, count: 3, scale: log}}", "needs both ends above 0"),
    (AXES + "{1.size: {from: -1.0e+308, to: 1.0e+308, count: 3}}", "bring them together"),
    (AXES + "{1.size: {from: 0, to: 1000000000000000}}", f"at most {MAX_VALUES:,} values"),
    (AXES + "{1.size: {from: 0, to: 1, count: 1000000000000000}}", "less than or equal to 1000000"),
    # What would be endless work, or is no YAML.
    ("a: &a [1, 2]\nb: [*a, *a]", "write values out, not as *a"),
    ("a: " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
    ("a: " + "9" * 4000, "a number of 4000 digits"),
    ("a: 1" + ":1" * 100_000, "a number of 200001 digits"),
    ("#" + "x" * 2**20, "is larger than a grid can be"),
    (AXES + '{1.size: ["\\ud800"]}', "surrogates not allowed"),
    ("a: {[1]: 2}", "is no YAML"),
    ("workflow: /dev/null\naxes: {1.level: [0, 1]}", "cannot read /dev/null: it is no file"),
    ("a: 1\na: 2", "a key is there twice"),
    ("a: !!python/object/apply:os.system [ls]", "is no YAML"),
    # Names that would lead elsewhere.
    *(
        (f'name: "{name}"\n{AXES}{{1.seed: [1]}}', "cannot name a folder")
        for name in ["../../x", "/tmp/x", "a/b", "a\\\\b", ".hidden", "..", "x.", "-x", "a\\tb", "x" * 81]
    ),
)
def test_what_is_no_grid_is_refused(write_grid: Write, text: str, message: str) -> None:
    with pytest.raises(RunsError) as caught:
        read_grid(write_grid(text))
    assert message in str(caught.value)
    assert len(str(caught.value)) <= 1000


def test_all_problems_are_listed_at_once(write_grid: Write) -> None:
    text = "workflow: color.json\naxis: {}\nset: {1.size: }\njudge: {clas: x}\naxes: {1.level: [], pace: 3}"
    with pytest.raises(RunsError) as caught:
        read_grid(write_grid(text))
    assert len(caught.value.problems) == 5
    assert "axis: unknown key 'axis'; nearest: axes" in caught.value.problems


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_bytes(b"\x89PNG\xff\x00")
    with pytest.raises(RunsError, match="is no YAML"):
        read_grid(tmp_path / "image.yaml")


def test_a_million_cells_have_to_be_asked_for_and_countless_ones_are_refused(write_grid: Write) -> None:
    path = write_grid("workflow: color.json\naxes: {1.a: {from: 1, to: 1000}, 1.b: {from: 1, to: 1000}}")
    said = "1000 x 1000 = 1,000,000 cells; more than 100,000 only with --max-cells 1000000"
    with pytest.raises(RunsError, match=said):
        read_grid(path)
    read_grid(path, 1_000_000)
    axes = ", ".join(f"{number}.seed: [0, 1]" for number in range(60))
    with pytest.raises(RunsError, match="countless cells; write fewer"):
        read_grid(write_grid(f"workflow: color.json\naxes: {{{axes}}}"))
