"""Contact sheets: what stands where, and what is drawn."""

from pathlib import Path
from typing import Any

from PIL import Image

from cases import each_case
from sweeper.axes import list_choices, read_axis
from sweeper.cells import Cell
from sweeper.grid_sheet import GAP, MAX_SIDE, PICTURE, lay_out, make_thumbnail, save_sheet

AXES = [read_axis("1.level", [0, 1]), read_axis("1.size", [4, 8, 12]), read_axis("5.seed", [0])]


def make_cells(axes: Any = AXES) -> list[Cell]:
    return [Cell(f"{number:032}", "w", choice) for number, choice in enumerate(list_choices(axes))]


@each_case(
    ("given", "columns", "rows", "numbers"),
    [
        # The last axis that changes makes the columns.
        ({}, ["4", "8", "12"], ["0, 0", "1, 0"], [[0, 1, 2], [3, 4, 5]]),
        (
            {"columns": ["1.level"], "rows": ["5.seed"]},
            ["0", "1"],
            ["0, 4", "0, 8", "0, 12"],
            [[0, 3], [1, 4], [2, 5]],
        ),
        # An axis of the rows makes no columns; if all axes make rows there is one column.
        ({"rows": ["1.size"]}, ["0", "1"], ["4, 0", "8, 0", "12, 0"], [[0, 3], [1, 4], [2, 5]]),
        (
            {"rows": ["1.level", "1.size", "5.seed"]},
            [""],
            ["0, 4, 0", "0, 8, 0", "0, 12, 0", "1, 4, 0", "1, 8, 0", "1, 12, 0"],
            [[0], [1], [2], [3], [4], [5]],
        ),
    ],
)
def test_rows_and_columns_are_those_that_are_chosen_or_the_last_axis_that_changes_makes_columns(
    tmp_path: Path, given: dict[str, list[str]], columns: list[str], rows: list[str], numbers: list[list[int]]
) -> None:
    layout = lay_out(AXES, make_cells(), **given)
    assert (layout.columns, layout.rows) == (columns, rows)
    assert [[int(cell.hash) for cell in row if cell] for row in layout.cells] == numbers
    assert save_sheet(layout, {}, tmp_path, tmp_path / "sheet.png") == (len(rows), len(columns))


def test_one_axis_fills_a_square_and_a_cell_that_was_the_same_as_another_leaves_a_gap() -> None:
    axes = [read_axis("1.size", [2, 4, 6, 8, 10])]
    layout = lay_out(axes, make_cells(axes))
    assert [[cell and cell.hash[-1] for cell in row] for row in layout.cells] == [["0", "1", "2"], ["3", "4", None]]
    layout = lay_out(AXES, make_cells()[1:])
    assert layout.cells[0][0] is None


def save(folder: Path, name: str, color: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> str:
    Image.new("RGB", size, color).save(folder / name)
    return name


def test_pictures_failures_and_gaps_are_drawn(tmp_path: Path) -> None:
    cells = make_cells(AXES[:2])
    rows: dict[str, Any] = {
        cells[0].hash: {"status": "ok", "pictures": [save(tmp_path, "a.png", (0, 0, 255))]},
        cells[1].hash: {"status": "failed", "pictures": None},
        cells[3].hash: {"status": "ok", "pictures": ["gone.png"]},
    }
    assert save_sheet(lay_out(AXES[:2], cells), rows, tmp_path, tmp_path / "sheet.png") == (2, 3)
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.width >= 3 * (PICTURE + GAP)
    colours = {colour for _, colour in sheet.getcolors(1 << 20)}
    assert {(0, 0, 255), (232, 232, 232), (176, 0, 32)} <= colours
    blue = sum(count for count, colour in sheet.getcolors(1 << 20) if colour == (0, 0, 255))
    assert blue == PICTURE**2, "a small picture is enlarged"


@each_case(("columns", "rows", "shown"), [(100, 2, (2, 100)), (200, 2, (2, 147)), (2, 200, (48, 2))])
def test_a_large_grid_is_drawn_small_and_then_cut(
    tmp_path: Path, columns: int, rows: int, shown: tuple[int, int]
) -> None:
    axes = [read_axis("1.a", list(range(rows))), read_axis("1.b", list(range(columns)))]
    layout = lay_out(axes, make_cells(axes))
    assert save_sheet(layout, {}, tmp_path, tmp_path / "sheet.png") == shown
    assert max(Image.open(tmp_path / "sheet.png").size) <= MAX_SIDE


def test_a_thumbnail_is_that_of_a_whole_picture_of_the_results_and_of_no_other_on_the_disk(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    name = save(results, "a.png", (9, 9, 9), (400, 200))
    thumbnail = make_thumbnail({"pictures": [name]}, results, 100)
    assert thumbnail is not None
    assert thumbnail.size == (100, 50)
    assert [make_thumbnail(row, results, 9) for row in (None, {}, {"pictures": ["gone.png"]})] == [None] * 3
    # Rows of a stranger.
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    Image.new("RGB", (8, 8)).save(results / "own.png")
    (results / "link.png").symlink_to(tmp_path / "secret.png")
    (results / "cut.png").write_bytes((results / "own.png").read_bytes()[:30])
    assert make_thumbnail({"pictures": ["own.png"]}, results, 8) is not None
    for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "cut.png"):
        assert make_thumbnail({"pictures": [name]}, results, 8) is None, name
