"""The page: in Chromium, without a server, with texts that try to break out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page

from harness.page import BrowserNotFoundError, start_chromium
from sweeper.axes import list_choices, read_axis
from sweeper.cells import Cell
from sweeper.page import save_page

EVIL = "</script><img src=x onerror=\"document.title='broken'\"> <!-- \u2028 ünï"
PROMPTS = {
    "w": {"1": {"class_type": "A", "inputs": {"text": "base", "seed": 0}}, "2": {"class_type": "B", "inputs": {}}}
}
AXES = [read_axis("1.text", [EVIL, "plain", "other"]), read_axis("1.seed", {"from": 0, "to": 3})]
CELLS = [Cell(f"{number:032x}", "w", choice) for number, choice in enumerate(list_choices(AXES))]


def make_rows(folder: Path) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for number, cell in enumerate(CELLS[:-1]):
        name = f"pictures/{number} #1.png"
        (folder / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (20 * number, 0, 0)).save(folder / name)
        rows[cell.hash] = {
            "cell": cell.hash, "workflow": "w", **cell.columns, "status": "ok", "message": None,
            "seconds": 10.0 - number, "recognised": number % 2 == 0, "pictures": [name],
            "texts": json.dumps({"Seen": [EVIL]}),
            "changes": json.dumps({"1": {"text": cell.settings["1.text"], "seed": 7}}),
        }  # fmt: skip
    rows[CELLS[3].hash] |= {"status": "failed", "message": EVIL, "pictures": None, "recognised": None}
    return rows


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    assert save_page(f"name {EVIL}", PROMPTS, CELLS, make_rows(folder), folder / "index.html") == 11
    return folder / "index.html"


@pytest.fixture(scope="module")
def opened(saved: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page in Chromium, and everything that it has asked for or complained of."""
    try:
        with start_chromium() as browser:
            page, asked = browser.new_page(viewport={"width": 1200, "height": 800}), []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: asked.append(str(error)))
            page.on("console", lambda message: asked.append(message.text))
            page.goto(saved.as_uri())
            page.wait_for_selector("figure")
            yield page, asked
    except BrowserNotFoundError as error:
        pytest.skip(str(error))


def shown(page: Page) -> list[int]:
    """The numbers of the cells that are shown, in their order."""
    return [int(figure.get_attribute("data-cell") or "", 16) for figure in page.locator("figure").all()]


def test_it_is_one_file_that_asks_for_nothing(saved: Path, opened: tuple[Page, list[str]]) -> None:
    page, asked = opened
    # Waiting for a function would evaluate a string, which the page forbids.
    page.evaluate("Promise.all([...document.images].filter((image) => image.src).map((image) => image.decode()))")
    assert [url for url in asked if not url.startswith("data:image/jpeg")] == [saved.as_uri()]
    assert not re.search(r"(src|href)=.https?:", saved.read_text(encoding="utf-8"))
    assert page.title().startswith("name </script>")
    assert page.locator("figure img").count() == 10
    assert page.locator("#summary").inner_text() == "11 of 12 cells, 1 failed, 6 of 10 recognised"


def test_a_failed_cell_says_why_as_text(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    assert page.locator("figure .empty").inner_text().startswith("</script><img src=x")
    assert page.locator("img[src='x']").count() == 0


def test_sorting(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    assert shown(page) == list(range(11))
    page.select_option("#sort", "seconds")
    assert shown(page) == list(range(10, -1, -1))
    page.click("#direction")
    assert shown(page) == list(range(11))
    page.select_option("#sort", "recognised")
    assert shown(page)[-1] == 3, "what has no value comes last"
    page.select_option("#sort", "")
    page.click("#direction")


def test_filtering_and_searching(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    seed = page.locator("#filters details[data-column='1.seed']")
    seed.locator("summary").click()
    for number in (1, 2, 3):
        seed.locator("input").nth(number).uncheck()
    assert shown(page) == [0, 4, 8]
    page.fill("#search", "PLAIN")
    assert shown(page) == [4]
    page.click("#clear")
    assert shown(page) == list(range(11))


def test_a_cell_opens_with_its_settings_and_its_workflow(opened: tuple[Page, list[str]], tmp_path: Path) -> None:
    page, _ = opened
    page.locator("figure").nth(5).click()
    values = dict(row.locator("td").all_inner_texts() for row in page.locator("#values tr").all())
    assert (values["1.text"], values["1.seed"], values["Seen"]) == ("plain", "1", EVIL)
    with page.expect_download() as waiting:
        page.click("#json")
    waiting.value.save_as(tmp_path / "workflow.json")
    assert waiting.value.suggested_filename.endswith("_00000000.json")
    workflow = json.loads((tmp_path / "workflow.json").read_text())
    assert workflow == {"1": {"class_type": "A", "inputs": {"text": "plain", "seed": 7}}, "2": PROMPTS["w"]["2"]}
    assert page.locator("#png").get_attribute("href") == "pictures/5%20%231.png"
    # A browser downloads no file beside a page without a server, it opens it: not in the place of this page.
    with page.expect_popup() as picture:
        page.click("#png")
    picture.value.close()
    page.click("#close")
    page.locator("figure").nth(3).click()
    assert page.locator("#png").is_hidden()
    page.click("#close")


def test_numbers_that_a_browser_would_change_stay_what_they_are(opened: tuple[Page, list[str]], tmp_path: Path) -> None:
    rows, huge = make_rows(tmp_path), 2**64 - 1
    first = CELLS[0].hash
    rows[first] |= {
        "seconds": float("nan"),
        "1.seed": huge,
        "texts": "[",
        "changes": json.dumps({"1": {"seed": huge}, "99": {}}),
    }
    rows[CELLS[1].hash] |= {"changes": "[1]", "texts": json.dumps({"Seen": EVIL})}
    rows[CELLS[2].hash] |= {"pictures": ["../../etc/passwd"]}
    save_page("numbers", PROMPTS, CELLS, rows, tmp_path / "index.html")
    page, _ = opened
    back = page.url
    page.goto((tmp_path / "index.html").as_uri())
    assert len(shown(page)) == 11
    page.locator("figure").first.click()
    values = dict(row.locator("td").all_inner_texts() for row in page.locator("#values tr").all())
    assert (values["seconds"], values["1.seed"]) == ("nan", str(huge))
    with page.expect_download() as waiting:
        page.click("#json")
    waiting.value.save_as(tmp_path / "workflow.json")
    assert json.loads((tmp_path / "workflow.json").read_text())["1"]["inputs"] == {"seed": huge}
    page.goto(back)


def test_a_page_of_many_cells_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeper.page.MAX_CELLS", 5)
    assert save_page("few", PROMPTS, CELLS, make_rows(tmp_path), tmp_path / "index.html") == 5
