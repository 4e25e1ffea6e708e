"""The list of class names that opens while one types into Class Objective, in both renderers of the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.client import Client
from harness.page import export_api, load_api, wait_until_ready

PROMPT = {"1": {"class_type": "DAS_ClassObjective", "inputs": {"classes": ""}}}
LIST = "[data-das-suggestions] > div"


@pytest.fixture(params=[False, True], ids=["classic", "nodes 2.0"])
def area(comfyui: Client, page: Page, request: pytest.FixtureRequest) -> Iterator[Locator]:
    """The text box of a Class Objective."""
    comfyui.post("/settings/Comfy.VueNodes.Enabled", request.param)
    try:
        page.reload()
        wait_until_ready(page)
        load_api(page, PROMPT, "classes")
        page.evaluate("app.graph.nodes[0].pos = [200, 200]; app.canvas.ds.offset = [0, 0]; app.canvas.ds.scale = 1")
        yield page.locator("textarea:visible").first
    finally:
        comfyui.post("/settings/Comfy.VueNodes.Enabled", False)


def written(page: Page) -> str:
    (node,) = export_api(page).values()
    text: str = node["inputs"]["classes"]
    return text


def test_a_name_is_taken_by_tab_by_arrows_and_by_a_click(page: Page, area: Locator) -> None:
    area.click()
    area.press_sequentially("jellyf")
    expect(page.locator(LIST)).to_have_text(["jellyfish"])
    area.press("Tab")
    expect(page.locator(LIST)).to_have_count(0)
    assert written(page) == "jellyfish"
    area.press_sequentially(", white sh")
    expect(page.locator(LIST).first).to_have_text("great white shark")
    area.press("ArrowDown")
    area.press("Enter")
    assert written(page) == "jellyfish, great white shark"
    area.press_sequentially("\nvolc")
    page.locator(LIST).first.click()
    assert written(page) == "jellyfish, great white shark\nvolcano"


def test_a_word_for_several_classes_is_offered_with_all(page: Page, area: Locator) -> None:
    area.click()
    area.press_sequentially("parrot")
    expect(page.locator(LIST).first).to_have_text("all parrot")
    area.press("Tab")
    area.press_sequentially(", sunflower")
    expect(page.locator(LIST)).to_have_text(["all flower"])
    area.press("Tab")
    expect(page.locator("[data-das-suggestions]")).to_have_count(0)
    assert written(page) == "all parrot, all flower"
    area.press_sequentially(", all big")
    page.locator(LIST).click()
    assert written(page) == "all parrot, all flower, all big cat"


def test_keyframes_for_a_classifier_have_the_list_and_for_a_clip_none(page: Page, area: Locator) -> None:
    for loader, socket, names in (("Classifier", "classifier", ["jellyfish"]), ("CLIP", "clip", [])):
        model = {"class_type": f"DAS_Load{loader}", "inputs": {"source": "starter", "precision": "auto"}}
        asked = {"class_type": "DAS_Keyframes", "inputs": {"model": ["1", 0], "keyframes": ""}}
        load_api(page, {"1": model, "2": asked}, socket)
        page.evaluate("app.graph.getNodeById(2).pos = [200, 200]; app.canvas.ds.offset = [0, 0]")
        text = page.locator("textarea:visible").first
        text.click()
        text.press_sequentially("0: castle at dawn / 12: jellyf")
        expect(page.locator(LIST)).to_have_text(names)
        text.press("Escape")
    assert export_api(page)["2"]["inputs"]["keyframes"] == "0: castle at dawn / 12: jellyf"


def test_an_arrow_lists_all_names_where_nothing_is_written(page: Page, area: Locator) -> None:
    area.click()
    area.press("ArrowDown")
    expect(page.locator(LIST)).to_have_count(1000)
    area.press("ArrowDown")
    area.press("Enter")
    assert written(page) == "abaya"
    area.press("ArrowDown")
    expect(page.locator(LIST)).to_have_count(0)


def test_it_keeps_out_of_the_way(page: Page, area: Locator) -> None:
    area.click()
    for text in ("j", "qqqq", "jellyfish"):
        area.fill("")
        area.press_sequentially(text)
        expect(page.locator(LIST)).to_have_count(0)
    area.fill("")
    area.press_sequentially("volc")
    expect(page.locator(LIST)).to_have_count(1)
    # Enter is a new line as long as nothing was chosen.
    area.press("Escape")
    area.press("Enter")
    area.press_sequentially("x")
    assert written(page) == "volc\nx"


def test_a_name_that_two_classes_share_becomes_its_index(page: Page, area: Locator) -> None:
    area.click()
    area.press_sequentially("maillo")
    rows = page.locator(LIST).all_inner_texts()
    assert all(row.split()[0].isdigit() for row in rows)
    area.press("Tab")
    assert written(page) == rows[0].split()[0]


def test_a_word_that_no_name_holds_is_said_to_be_none(page: Page, area: Locator) -> None:
    hint = page.locator("[data-das-suggestions=hint]")
    area.click()
    area.press_sequentially("mermaid")
    expect(hint).to_have_text("No class in the list is called “mermaid”. Text Objective takes any words.")
    area.press("Enter")
    assert written(page) == "mermaid\n"
    for known in ("12345", "jellyfish", "n01910747", "qqq", "jellyfish: 0.5", "jellyfish\uff1a0.5"):
        area.fill("")
        area.press_sequentially(known)
        expect(hint).to_have_count(0)
