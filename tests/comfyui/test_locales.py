"""The page in other languages: names, tooltips and categories of our nodes, read off the page itself."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, TimeoutError

from harness.client import Client
from harness.page import PAGE_SECONDS, load_api, load_workflow, open_page
from repository import REPOSITORY

OpenIn = Callable[[str], AbstractContextManager[Page]]

PROMPT = {
    "1": {"class_type": "DAS_ImageStack", "inputs": {}},
    "2": {"class_type": "DAS_Optimize", "inputs": {"stack": ["1", 0], "recipe": "custom"}},
}


NODES = ["DAS_ImageStack", "DAS_Optimize", "DAS_Region"]


@pytest.fixture
def open_in(comfyui: Client, browser: Browser) -> Iterator[OpenIn]:
    """A function that opens the page in a language."""

    @contextmanager
    def open_in(language: str) -> Iterator[Page]:
        comfyui.post("/settings/Comfy.Locale", language)
        with open_page(browser, comfyui) as page:
            # The page loads a language after it says that it is ready, and registers nodes only then.
            page.wait_for_function("(ids) => ids.every((id) => id in LiteGraph.registered_node_types)", arg=NODES)
            yield page

    yield open_in
    comfyui.post("/settings/Comfy.Locale", "en")


def read_texts(language: str, node: str) -> dict[str, Any]:
    texts = json.loads((REPOSITORY / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = texts[node]
    return found


def describe(page: Page, node: str) -> dict[str, Any]:
    """What the page calls a node, its widgets and its outputs."""
    found: dict[str, Any] = page.evaluate(
        """(type) => {
            const node = app.graph._nodes.find((node) => node.type === type)
            return {
                title: node.title,
                widgets: Object.fromEntries(node.widgets.map((widget) => [widget.name, widget.label ?? widget.name])),
                outputs: node.outputs.map((output) => output.label ?? output.localized_name),
            }
        }""",
        node,
    )
    return found


def hover(page: Page, node: str, widget: str) -> str:
    """The tooltip that appears when the mouse rests on a widget."""
    page.mouse.move(2, 2)
    page.wait_for_function("!document.querySelector('.node-tooltip')?.checkVisibility()")
    x, y = page.evaluate(
        """([type, name]) => {
            const { canvas, ds } = app.canvas
            const node = app.graph._nodes.find((node) => node.type === type)
            const widget = node.widgets.find((widget) => widget.name === name)
            node.showAdvanced = true
            node.setSize(node.computeSize())
            ds.scale = 1
            ds.offset = [200 - node.pos[0], 100 - node.pos[1]]
            app.canvas.draw(true, true)
            const corner = canvas.getBoundingClientRect()
            return [corner.left + 260, corner.top + 100 + widget.last_y + 8]
        }""",
        [node, widget],
    )
    tooltip = page.locator(".node-tooltip")
    # The page shows a tooltip once, when the mouse has rested; a busy page may then not yet know over which widget.
    for attempt in range(10):
        page.mouse.move(x + attempt % 2, y)
        with suppress(TimeoutError):
            tooltip.wait_for(state="visible", timeout=PAGE_SECONDS * 100)
            return tooltip.text_content() or ""
    raise AssertionError(f"no tooltip appears over {widget}")


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "fr"])
def test_a_node_has_the_names_of_the_language_of_the_page(open_in: OpenIn, language: str) -> None:
    texts = read_texts(language, "DAS_Optimize")
    with open_in(language) as page:
        load_api(page, PROMPT, "languages")
        shown = describe(page, "DAS_Optimize")
    assert shown["title"] == texts["display_name"]
    assert shown["outputs"] == [output["name"] for output in texts["outputs"].values()]
    widgets = [name for name in shown["widgets"] if name not in ("Finish now", "steer")]  # of the page
    assert shown["widgets"]["Finish now"] not in ("Finish now", texts["display_name"])
    expected = {name: texts["inputs"].get(name.replace(".", "_"), {}).get("name") for name in widgets}
    assert expected.pop("control_after_generate") is None, "a widget of the page, not of the node"
    assert {"recipe.steps", "recipe.optimizer.step_size"} <= expected.keys(), "also inside DynamicCombos"
    assert {name: shown["widgets"][name] for name in expected} == expected


def test_tooltips_are_in_the_language_of_the_page(open_in: OpenIn) -> None:
    inputs = read_texts("zh", "DAS_Optimize")["inputs"]
    with open_in("zh") as page:
        load_api(page, PROMPT, "languages")
        for widget in ("seed", "recipe"):
            assert hover(page, "DAS_Optimize", widget) == inputs[widget]["tooltip"]


def test_an_english_tooltip_inside_a_dynamic_combo_stays_that_of_its_option(open_in: OpenIn) -> None:
    with open_in("en") as page:
        load_api(page, PROMPT, "languages")
        shown = hover(page, "DAS_Optimize", "recipe.optimizer.tilt")
    assert "How much less fine detail moves than large shapes" in shown


def test_categories_are_in_the_language_of_the_page_below_the_name_of_the_pack(open_in: OpenIn) -> None:
    with open_in("zh") as page:
        category = page.evaluate("LiteGraph.registered_node_types['DAS_Region'].category")
    assert category == "Direct Ascent/目标"


def test_a_workflow_that_was_saved_in_chinese_opens_in_english_with_english_names(open_in: OpenIn) -> None:
    with open_in("en") as page:
        load_api(page, PROMPT, "languages")
        expected = describe(page, "DAS_Optimize")
    with open_in("zh") as page:
        load_api(page, PROMPT, "languages")
        saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    with open_in("en") as page:
        load_workflow(page, saved, "languages")
        assert describe(page, "DAS_Optimize") == expected
