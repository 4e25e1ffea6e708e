"""Grid files: what they may say, and everything that is wrong with one at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cases import each_case
from sweeper.errors import SweepError
from sweeper.grid_file import JudgeSpec, read_grid

Write = Callable[..., Path]

FULL = """
name: mine
workflows: {small: color.json, other: sub/other.json}
only: Save Image
set: {1.size: 4}
axes:
  1.level: {from: 0, to: 1, count: 3}
  pace: {group: {slow: {5.steps: 60}, quick: {5.steps: 8}}}
judge: {class: 2.classes, image: Save Image}
sheet: {columns: [pace], rows: 1.level}
"""


def test_everything_that_a_grid_can_say(write_grid: Write, tmp_path: Path) -> None:
    grid = read_grid(write_grid(FULL))
    assert (grid.name, grid.count, grid.only) == ("mine", 12, ("Save Image",))
    assert grid.workflows == {"small": tmp_path / "color.json", "other": tmp_path / "sub" / "other.json"}
    assert [axis.name for axis in grid.axes] == ["workflow", "1.level", "pace"]
    assert grid.settings == {"1.size": 4}
    assert grid.judge == JudgeSpec("class", "2.classes", "Save Image")
    assert (grid.sheet_columns, grid.sheet_rows) == (("pace",), ("1.level",))


def test_a_sweep_is_called_like_its_file(write_grid: Write) -> None:
    grid = read_grid(write_grid("workflow: color.json\naxes: {1.size: [4]}", name="sizes.yaml"))
    assert (grid.name, list(grid.workflows)) == ("sizes", ["color"])


def test_all_problems_are_listed_at_once(write_grid: Write) -> None:
    text = "workflow: color.json\naxis: {}\nset: {1.size: }\njudge: {clas: x}\naxes: {1.level: [], pace: 3}"
    with pytest.raises(SweepError) as caught:
        read_grid(write_grid(text))
    assert len(caught.value.problems) == 5
    assert caught.value.problems[0] == "unknown key 'axis'; nearest: axes"


@each_case(
    ("text", "message"),
    [
        ("", "is no grid"),
        ("- 1", "is no grid"),
        ("a: [", "is no YAML"),
        ("a: 1\na: 2", "a is there twice"),
        ("axes: {1.size: [4]}", "write either 'workflow: FILE.json' or 'workflows:'"),
        ("workflow: {a: 1}\naxes: {1.size: [4]}", "{'a': 1} is no name of a file"),
        ("workflows: {a: [b.json]}\naxes: {1.size: [4]}", "['b.json'] is no name of a file"),
        ("workflow: color.json", "the grid is empty"),
        ("workflow: color.json\naxes: {}", "the grid is empty"),
        ("workflow: color.json\naxes: [1.size]", "axes: ['1.size'] is no mapping"),
        ("workflow: color.json\naxes: {workflow: {group: {a: {}}}}", "this name is taken"),
        ("workflow: color.json\naxes: {1.size: [4]}\nsheet: {columns: 1.sise}", "no axis '1.sise'; nearest: 1.size"),
        ("workflow: color.json\naxes: {1.size: [4]}\nsheet: {colums: 1.size}", "unknown key 'colums'"),
        ("workflow: color.json\naxes: {1.size: [4]}\nsheet: {columns: 1.size, rows: 1.size}", "cannot be both"),
        ("workflow: color.json\naxes: {1.size: [4]}\njudge: {class: a.b, text: a.b}", "judge: write 'class:"),
        # Names that would lead elsewhere.
        *(
            (f'name: "{name}"\nworkflow: w.json\naxes: {{1.seed: [1]}}\n', "cannot name a folder")
            for name in ["../../x", "/tmp/x", "a/b", "a\\\\b", ".hidden", "..", "x.", "-x", "a\\tb", "x" * 81]
        ),
    ],
)
def test_what_is_no_grid_is_refused(write_grid: Write, text: str, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_grid(write_grid(text))
    assert message in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"cannot read .*No such file"):
        read_grid(tmp_path / "none.yaml")
    (tmp_path / "image.yaml").write_bytes(b"\x89PNG\xff\x00")
    with pytest.raises(SweepError, match="is no YAML"):
        read_grid(tmp_path / "image.yaml")


def test_a_million_cells_have_to_be_asked_for_and_countless_ones_are_refused(write_grid: Write) -> None:
    path = write_grid("workflow: color.json\naxes: {1.a: {from: 1, to: 1000}, 1.b: {from: 1, to: 1000}}")
    with pytest.raises(
        SweepError, match="1000 x 1000 = 1,000,000 cells; more than 100,000 only with --max-cells 1000000"
    ):
        read_grid(path)
    assert read_grid(path, 1_000_000).count == 1_000_000
    # More than Python writes the digits of.
    axes = ", ".join(f"{number}.seed: [0, 1]" for number in range(15_000))
    with pytest.raises(SweepError, match="= countless cells; write fewer"):
        read_grid(write_grid(f"workflow: color.json\naxes: {{{axes}}}"))
