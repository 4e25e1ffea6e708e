"""The help pages in the page: they open, show their picture, and lead to each other."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.client import Client
from harness.page import load_api, open_page
from harness.server import PACK_NAME

DOCS = f"/extensions/{PACK_NAME}/docs"
RENDERS = "typeof app.extensionManager.renderMarkdownToHtml === 'function'"


def open_help(page: Page, node: str) -> Locator:
    """Select a node and press the button with the (i) of the toolbar above it."""
    load_api(page, {"1": {"class_type": node, "inputs": {}}}, "help")
    # Away from the corner, where the older page has buttons over the toolbar of the node.
    page.evaluate("app.graph.getNodeById(1).pos = [0, 0]; app.canvas.ds.offset = [500, 300]; app.canvas.ds.scale = 1")
    page.evaluate("app.canvas.selectNode(app.graph.getNodeById(1))")
    page.get_by_test_id("info-button").click()
    return page.locator(".node-help-content")


def expect_picture(text: Locator, address: str) -> None:
    picture = text.locator("img")
    expect(picture).to_have_attribute("src", address)
    picture.evaluate("image => image.decode()")  # an error where there is no picture
    assert picture.evaluate("image => image.naturalWidth") >= 300


def test_the_help_of_a_node_opens_with_its_text_and_its_picture(page: Page) -> None:
    answers: dict[str, int] = {}
    page.on("response", lambda answer: answers.update({answer.url.partition("/extensions/")[2]: answer.status}))
    text = open_help(page, "DAS_Optimize")
    expect(text.locator("h1")).to_have_text("Direct Ascent Optimize")
    expect(text.locator("td", has_text="step_size").first).to_be_visible()
    expect_picture(text, f"{DOCS}/DAS_Optimize/picture.jpg")
    asked = {address: status for address, status in answers.items() if address.startswith(f"{PACK_NAME}/docs/")}
    # The page looks for a translation first, in English too; the English text is what it falls back to.
    missing = {address for address, status in asked.items() if status != 200}
    assert missing == {f"{PACK_NAME}/docs/DAS_Optimize/en.md"}, "the page asked for something that is not there"


@pytest.fixture
def russian_page(comfyui: Client, browser: Browser) -> Iterator[Page]:
    """The page in a language that the help pages are not translated into."""
    comfyui.post("/settings/Comfy.Locale", "ru")
    try:
        with open_page(browser, comfyui) as opened:
            yield opened
    finally:
        comfyui.post("/settings/Comfy.Locale", "en")


def test_a_language_without_a_translation_shows_the_english_help(russian_page: Page) -> None:
    text = open_help(russian_page, "DAS_PlotHistory")
    expect(text.locator("h1")).to_have_text("Plot Ascent History")
    expect_picture(text, f"{DOCS}/DAS_PlotHistory/picture.jpg")


def test_a_link_shows_the_help_of_the_other_node_and_there_is_a_way_back(page: Page) -> None:
    if not page.evaluate(RENDERS):
        pytest.skip("this page renders no help for extensions")
    text = open_help(page, "DAS_Optimize")
    text.get_by_role("link", name="Image Stack").click()
    expect(text.locator("h1")).to_have_text("Image Stack")
    expect_picture(text, f"{DOCS}/DAS_ImageStack/picture.jpg")
    text.get_by_role("link", name="Stack to Image").click()
    expect(text.locator("h1")).to_have_text("Stack to Image")
    text.get_by_role("link", name="← Image Stack").click()
    expect(text.locator("h1")).to_have_text("Image Stack")
    text.get_by_role("link", name="← Direct Ascent Optimize").click()
    expect(text.locator("h1")).to_have_text("Direct Ascent Optimize")
    assert len(page.context.pages) == 1


def test_after_a_link_another_node_shows_its_own_help(page: Page) -> None:
    if not page.evaluate(RENDERS):
        pytest.skip("this page renders no help for extensions")
    text = open_help(page, "DAS_Optimize")
    text.get_by_role("link", name="Image Stack").click()
    expect(text.locator("h1")).to_have_text("Image Stack")
    expect(open_help(page, "DAS_Classify").locator("h1")).to_have_text("Direct Ascent Classify")
    expect(open_help(page, "DAS_Optimize").locator("h1")).to_have_text("Direct Ascent Optimize")


def test_in_an_older_page_a_link_shows_the_text_of_the_help_as_it_is_written(page: Page) -> None:
    if page.evaluate(RENDERS):
        pytest.skip("this page renders help for extensions")
    text = open_help(page, "DAS_Optimize")
    text.get_by_role("link", name="Image Stack").click()
    expect(text).to_contain_text("# Image Stack")
    text.get_by_role("link", name="← Direct Ascent Optimize").click()
    expect(text.locator("h1")).to_have_text("Direct Ascent Optimize")
    assert len(page.context.pages) == 1
