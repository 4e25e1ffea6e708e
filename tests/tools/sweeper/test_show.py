"""What a sweep shows: the contact sheet, and the page in Chromium, with texts that try to break out."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cases import each_case
from das_core.runs.cells import Cell
from das_core.runs.results import Results
from sweeper import show
from sweeper.grid import Option
from sweeper.show import GAP, MAX_SIDE, PICTURE, lay_out, make_thumbnail, save_page, save_sheet
from visited_page import visit_pages


def make_axes(**values: list[Any]) -> dict[str, list[Option]]:
    return {
        name: [Option(str(value), {f"1.{name}": value}, {f"1.{name}": value}) for value in listed]
        for name, listed in values.items()
    }


def make_cells(axes: dict[str, list[Option]], workflow: str = "w") -> dict[tuple[int, ...], Cell]:
    choices = itertools.product(*(range(len(options)) for options in axes.values()))
    cells = {}
    for number, choice in enumerate(choices):
        options = [axis[place] for axis, place in zip(axes.values(), choice, strict=True)]
        columns = {name: value for option in options for name, value in option.columns.items()}
        cells[choice] = Cell(f"{number:032x}", {"workflow": workflow, **columns, "settings": "{}"}, None)
    return cells


AXES = make_axes(level=[0, 1], size=[4, 8, 12], seed=[0])
ROWS = [f"{level}, {size}, 0" for level in (0, 1) for size in (4, 8, 12)]


@each_case(
    ("sheet", "columns", "rows", "numbers"),
    # The last axis that changes makes the columns.
    ({}, ["4", "8", "12"], ["0, 0", "1, 0"], [[0, 1, 2], [3, 4, 5]]),
    ({"columns": ["level"], "rows": ["seed"]}, ["0", "1"], ["0, 4", "0, 8", "0, 12"], [[0, 3], [1, 4], [2, 5]]),
    # An axis of the rows makes no columns; if all axes make rows there is one column.
    ({"rows": ["size"]}, ["0", "1"], ["4, 0", "8, 0", "12, 0"], [[0, 3], [1, 4], [2, 5]]),
    ({"rows": ["level", "size", "seed"]}, [""], ROWS, [[0], [1], [2], [3], [4], [5]]),
)
def test_rows_and_columns_are_chosen(sheet: Any, columns: list[str], rows: list[str], numbers: list[list[int]]) -> None:
    found = lay_out(AXES, make_cells(AXES), sheet)
    assert found[:2] == (columns, rows)
    assert [[int(cell.hash, 16) for cell in line] for line in found[2]] == numbers


def test_one_axis_fills_a_square_and_a_cell_that_was_the_same_as_another_leaves_a_gap() -> None:
    axes, cells = make_axes(size=[2, 4, 6, 8, 10]), make_cells(AXES)
    assert [[int(cell.hash) for cell in line] for line in lay_out(axes, make_cells(axes), {})[2]] == [[0, 1, 2], [3, 4]]
    del cells[0, 0, 0]
    assert lay_out(AXES, cells, {})[2][0][0] is None


def make_row(cell: Cell, **columns: Any) -> dict[str, Any]:
    return {"cell": cell.hash, **cell.columns, "status": "ok", "message": None, "pictures": [], **columns}


def test_pictures_failures_and_gaps_are_drawn(tmp_path: Path) -> None:
    results, cells = Results(tmp_path), make_cells(AXES)
    blue, failed, _, gone, *_ = cells.values()
    Image.new("RGB", (8, 8), (0, 0, 255)).save(tmp_path / "a.png")
    results.rows = {
        blue.hash: make_row(blue, pictures=["a.png"]),
        failed.hash: make_row(failed, status="failed"),
        gone.hash: make_row(gone, pictures=["gone.png"]),
    }
    assert save_sheet(AXES, cells, {}, results) == str(tmp_path / "sheet.png")
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.width >= 3 * (PICTURE + GAP)
    counts = {colour: count for count, colour in sheet.getcolors(1 << 20) or ()}
    assert {(232, 232, 232), (176, 0, 32)} <= counts.keys()
    assert counts[0, 0, 255] == PICTURE**2, "a small picture is enlarged"


def test_a_large_grid_is_drawn_small_and_then_cut(tmp_path: Path) -> None:
    for columns, rows, said in ((100, 2, ""), (200, 2, " (the first 2 rows and 147 columns)"), (2, 200, " (the first")):
        axes = make_axes(a=list(range(rows)), b=list(range(columns)))
        text = save_sheet(axes, make_cells(axes), {}, Results(tmp_path))
        assert text.removeprefix(str(tmp_path / "sheet.png")).startswith(said)
        assert max(Image.open(tmp_path / "sheet.png").size) <= MAX_SIDE


def test_a_thumbnail_is_that_of_a_whole_picture_of_the_results_and_of_no_other_on_the_disk(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    Image.new("RGB", (400, 200)).save(results / "a.png")
    thumbnail = make_thumbnail({"pictures": ["a.png"]}, results, 100)
    assert thumbnail is not None
    assert thumbnail.size == (100, 50)
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (results / "link.png").symlink_to(tmp_path / "secret.png")
    (results / "cut.png").write_bytes((results / "a.png").read_bytes()[:30])
    assert make_thumbnail(None, results, 8) is None
    for name in ("gone.png", "../secret.png", str(tmp_path / "secret.png"), "link.png", "cut.png", "\0", "x" * 300, ""):
        assert make_thumbnail({"pictures": [name]}, results, 8) is None, name


EVIL = "</script><img src=x onerror=\"document.title='broken'\"> <!-- \u2028 ünï '{{ 7 * 7 }}"
PAGE_AXES = make_axes(text=[EVIL, "plain", "other"], seed=[0, 1, 2, 3])


def save(folder: Path, **first: Any) -> str:
    """Save a page of twelve cells, of which eleven have a result and one has failed; `first` changes the first row."""
    cells = list(make_cells(PAGE_AXES, "constructor").values())
    results = Results(folder)
    for number, cell in enumerate(cells[:-1]):
        name = f"pictures/{number} #1.png"
        (folder / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (20 * number, 0, 0)).save(folder / name)
        seen = {"seconds": 10.0 - number, "recognised": number % 2 == 0, "texts": json.dumps({"__proto__": [EVIL]})}
        results.rows[cell.hash] = make_row(cell, pictures=[name], **seen)
    results.rows[cells[3].hash] |= {"status": "failed", "message": EVIL, "pictures": [], "recognised": None}
    results.rows[cells[0].hash] |= first
    text = save_page(f"name {EVIL}", ["1.text", "1.seed"], cells, results, lambda cell: {"cell": cell.hash, "e": EVIL})
    return text.removeprefix(str(folder / "index.html"))


def test_the_page_is_one_file_whose_cells_open_with_their_settings_and_workflows(tmp_path: Path) -> None:
    assert save(tmp_path) == ""
    with visit_pages() as (page, said):
        page.goto((tmp_path / "index.html").as_uri())
        page.locator(".card").first.wait_for()
        # Waiting for a function would evaluate a string, which the page forbids.
        page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
        assert [url for url in said if not url.startswith("data:image/webp")] == [page.url]
        assert page.locator("#summary").inner_text() == "11 of 12 cells, 1 failed, 6 of 10 recognised"
        assert page.locator(".card").all_inner_texts()[4:6] == ["plain · 0\n✓ recognised", "plain · 1\n✗"]
        assert page.locator(".card img").count() == 10
        page.locator(".card").nth(5).click()
        assert page.locator("figure img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 16
        workflow, picture = page.locator(".downloads a").all()
        with page.expect_download() as waiting:
            workflow.click()
        waiting.value.save_as(tmp_path / "workflow.json")
        assert waiting.value.suggested_filename.endswith(f"_{5:032x}.json")
        assert json.loads((tmp_path / "workflow.json").read_text()) == {"cell": f"{5:032x}", "e": EVIL}
        assert picture.get_attribute("href") == "./pictures/5%20%231.png"
        page.goto(f"{page.url.partition('#')[0]}#/{3:032x}")
        page.locator("article .empty").wait_for()
        assert page.locator(".downloads a").all_inner_texts() == ["Workflow (JSON)"]
        assert not [text for text in said if "rror" in text]


def test_strange_values_stay_what_they_are_and_a_large_sweep_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, seconds=float("nan"), texts="[", pictures=["javascript:alert(1)"], **{"1.seed": 2**64 - 1})
    (text,) = re.findall(r'"application/json">(.*)</script>', (tmp_path / "index.html").read_text(encoding="utf-8"))
    first = json.loads(text)["items"][0]
    assert {"NaN", str(2**64 - 1), EVIL} <= {value for value in first["values"] if isinstance(value, str)}
    assert (first["title"], "texts" in first, "pictures" in first) == (f"{EVIL} · {2**64 - 1}", False, False)
    assert first["downloads"][1][1] == "javascript:alert(1)", "which the page shows as the path of a file"
    monkeypatch.setattr(show, "MAX_CELLS", 5)
    assert save(tmp_path) == " (the first 5 cells)"
