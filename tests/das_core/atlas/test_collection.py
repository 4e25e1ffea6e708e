"""The page of a collection: what its files hold, and what it does in Chromium, with texts that try to break out."""

import ast
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from PIL import Image

from das_core.atlas.collection import Collection, Entry, Group, Item, Picture, save_collection

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = "</script><img src=x onerror=\"document.title='broken'\"> <!-- \u2028 ünï '\\ {{ 7 * 7 }}"
COLUMNS = ("number", EVIL, "word", "seen", "strange")
STRANGE = (float("nan"), float("-inf"), 2**64 - 1, 0.123456, None)
DATA = "data:application/json,{}"


def make_item(number: int) -> Item:
    return Item(
        f"{number}/{EVIL}",
        f"unit {number}",
        number // 30,
        (number / 2, ("odd", EVIL)[number % 2], f"word{number}", (True, False, None)[number % 3], STRANGE[number % 5]),
        () if number == 7 else (Picture("a #1.png", EVIL, "a #1.png" if number else "javascript:alert(1)"),),
        (
            ("Similar", (Entry(f"unit {number + 1}", 0.5, f"{number + 1}/{EVIL}"),)),
            (EVIL, (Entry(EVIL, -2, file="a #1.png"), Entry("only here" * (number == 9), file="gone.png"))),
        ),
        ((EVIL, "half of a pair: \ud800"),),
        EVIL if number == 7 else "",
        number == 7,
        (("a", "javascript:alert(1)"), ("b", "data:text/html,<script>"), ("c", DATA)),
    )


def make_collection(title: str = EVIL, count: int = 60) -> Collection:
    groups = (Group("first", "32 channels"), Group(EVIL))
    return Collection(title, 70, COLUMNS, groups, tuple(map(make_item, range(count))), EVIL, "units", "seen")


def test_the_files_hold_all_that_is_shown_and_no_text_leaves_its_place(tmp_path: Path) -> None:
    item = Item("a", EVIL, values=(2**64, float("inf"), True), pictures=(Picture("a.png"),), texts=(("\ud800", ""),))
    collection = Collection(EVIL, 2, ("x", "y", "z"), items=(item,))
    shown: dict[str, Any] = {"id": "a", "title": EVIL, "values": [str(2**64), "Infinity", True]}
    shown |= {"pictures": [{"file": "a.png"}], "texts": [["?", ""]]}
    expected = {"format": 1, "title": EVIL, "total": 2, "columns": ["x", "y", "z"], "items": [shown]}
    save_collection(tmp_path / "all", collection)
    page, manifest, script = ((tmp_path / "all" / name).read_text(encoding="utf-8") for name in (
        "index.html", "manifest.json", "manifest.js"
    ))  # fmt: skip
    assert json.loads(manifest) == expected
    assert ast.literal_eval(script.removeprefix("collect(").removesuffix(");\n")) == manifest
    alone = save_collection(tmp_path / "one", collection, embed=True).read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["index.html"]
    assert json.loads(re.findall(r'<script id="manifest" [^>]+>(.*)</script>', alone)[0]) == expected
    assert [text.count("</script>") for text in (page, alone, manifest, script)] == [2, 2, 0, 0]
    assert "<img" not in page + alone + manifest + script
    code = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0].encode()
    assert f"'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'" in page
    assert "unsafe" not in page


def test_items_that_are_not_as_the_collection_says_are_refused(tmp_path: Path) -> None:
    good = Item("a", "", 0, (1,))
    for items, message in (
        ((good, good), "the id 'a' is empty or of two items"),
        ((replace(good, id=""),), "the id '' is empty"),
        ((replace(good, group=1),), "item 'a': there is no group 1"),
        ((replace(good, values=()),), "item 'a' has 0 values; give one for each of the 1 columns"),
    ):
        with pytest.raises(ValueError, match=message):
            save_collection(tmp_path, Collection("t", 1, ("x",), (Group("g"),), items))
    with pytest.raises(ValueError, match="two have the same name"):
        save_collection(tmp_path, Collection("t", 1, ("x", "x")))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[Page, str]]":
    """A page of Chromium, and the address of a collection, which has another one beside it."""
    pytest.importorskip("playwright")
    from visited_page import visit_pages

    home = tmp_path_factory.mktemp("atlas")
    for name, title, count in (("one", EVIL, 60), ("two & more", "Other", 40)):
        save_collection(home / name, make_collection(title, count))
        Image.new("RGB", (16, 16), "red").save(home / name / "a #1.png")
    with visit_pages() as (page, said):
        yield page, (home / "one" / "index.html").as_uri()
    asked = {text for text in said if text.startswith(home.as_uri())}
    assert not [text for text in said if text not in {*asked, "about:blank"} and "FILE_NOT_FOUND" not in text]
    missing = {path for url in asked if not (path := Path(unquote(urlsplit(url).path))).is_file()}
    assert {path.name for path in missing} == {"gone.png", "javascript:alert(1)", "manifest.js"}


def visit(visited: "tuple[Page, str]", rest: str = "") -> "Page":
    page, url = visited
    page.goto("about:blank")
    page.goto(url + rest)
    page.locator(".card").first.wait_for(state="attached")
    return page


def shown(page: "Page") -> list[int]:
    """The numbers of the items near the view, in their order."""
    return [int(title.split()[1]) for title in page.locator(".card").evaluate_all("all => all.map(one => one.title)")]


def wait(page: "Page", *numbers: int) -> None:
    """Wait until the items of these numbers are open."""
    from playwright.sync_api import expect

    expect(page.locator("article h2")).to_have_text([f"unit {number}" for number in numbers])


def test_what_is_near_the_view_is_in_the_page_and_texts_are_texts(visited: "tuple[Page, str]") -> None:
    page = visit(visited)
    assert page.title() == page.locator("h1").inner_text() == page.locator("#note").inner_text() == EVIL
    assert page.locator("#summary").inner_text() == "60 of 70 units, 1 failed, 20 of 40 seen"
    assert shown(page) == list(range(len(shown(page))))
    assert 12 < len(shown(page)) < 40
    assert page.locator(".card .empty").first.inner_text() == EVIL
    page.locator("#groups button").last.click()
    page.locator(".card[title='unit 40']").wait_for()
    assert 0 not in shown(page)
    assert page.locator("img[src='x']").count() == 0


def test_sorting_filtering_and_searching(visited: "tuple[Page, str]") -> None:
    page, filters = visit(visited), visited[0].locator("#filters details")
    page.click("#more")
    page.check("#falling")
    page.fill("#search", "WORD5")
    page.select_option("#sort", label="strange")
    assert shown(page) == [52, 57, 53, 58, 51, 56, 5, 50, 54, 55, 59], "NaN, and what is not known, come last"
    page.click("text=Clear all")
    page.locator("[data-index='0'][title='unit 0']").wait_for()
    filters.nth(1).locator("summary").click()
    filters.nth(1).locator("input[value=odd]").uncheck()
    assert shown(page)[:3] == [1, 3, 5]
    filters.nth(0).locator("summary").click()
    assert filters.nth(1).get_attribute("open") is None, "one menu at a time"
    page.fill("[name=from]", "10")
    page.fill("[name=to]", "15.5")
    assert shown(page) == [21, 23, 25, 27, 29, 31]
    filters.nth(2).locator("summary").click()
    page.fill("[name=contains]", "WORD3")
    assert shown(page) == [31]
    page.click("text=Clear all")
    page.locator("[data-index='0'][title='unit 0']").wait_for()
    for words, first in (("unit 999", []), ("HERE only", [9]), ("UNIT 31", [31, 30]), ("<IMG", [0, 1])):
        page.fill("#search", words)
        assert shown(page)[: len(first) or 1] == first, words


def test_an_item_has_an_address_and_leads_nowhere_else(visited: "tuple[Page, str]") -> None:
    page = visit(visited)
    page.locator(".card").nth(2).click()
    wait(page, 2)
    assert unquote(page.url).endswith(f"#/2/{EVIL}")
    table = dict(row.locator("td").all_inner_texts() for row in page.locator("article tr").all())
    expected = {"number": "1", "strange": str(2**64 - 1), EVIL: "half of a pair: ?", "id": f"2/{EVIL}"}
    assert expected.items() <= table.items()
    links = {link.get_attribute("href") for link in page.locator("article a[target=_blank]").all()}
    safe = {"./a%20%231.png", "./gone.png", DATA}
    assert links == safe | {"./javascript%3Aalert(1)", "./data%3Atext/html%2C%3Cscript%3E"}
    page.keyboard.press("ArrowRight")
    page.locator("section a", has_text="unit 4").click()
    wait(page, 4)
    page.go_back()
    wait(page, 3)
    page.keyboard.press("Escape")
    page.locator(".card[title='unit 3']:focus").wait_for()
    page.go_back()
    wait(page, 3)
    page.keyboard.press("/")
    page.keyboard.type("unit 31")
    assert shown(page)[0] == 31
    missing = visit(visited, "#/%/no").locator("#panes p").all_inner_texts()
    assert missing == ["There is no “%” here.", "There is no “no” here."]


def test_two_items_stand_side_by_side(visited: "tuple[Page, str]") -> None:
    page = visit(visited, f"#/{quote(f'2/{EVIL}', safe='')}")
    page.keyboard.press("c")
    wait(page, 2, 3)
    page.keyboard.press("ArrowRight")
    wait(page, 2, 4)
    page.click("#close")
    page.locator(".card").nth(9).click()
    wait(page, 2, 9)
    visit(visited, f"?with=../two%20%26%20more#/{quote(f'3/{EVIL}', safe='')}")
    page.keyboard.press("c")
    wait(page, 3, 3)
    assert page.locator("article .pictures img").nth(1).evaluate("one => one.src.includes('/two%20%26%20more/')")
    page.keyboard.press("Escape")
    assert page.locator("#groups button").last.inner_text().startswith(f"Other: {EVIL}")
    assert page.locator("#summary").inner_text().startswith("100 of 140 units")
    for wrong in (
        "https://a.b",
        "//a.b",
        "/etc",
        "..\\a",
        "javascript:1",
        "a//b",
        " /etc",
        "\t/a",
        "../a?x",
        "../none",
    ):
        assert wrong.strip() in visit(visited, f"?with={quote(wrong)}").locator("#problem").inner_text()
