"""Widgets that a beginner need not see: the page folds them away where it can, and old files load as before."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.client import Client
from harness.page import export_api, load_template, open_page
from short_examples import EXAMPLES
from template_page import set_widgets

SEEN = {
    "DAS_ImageStack": ["width", "height", "batch_size", "start", "details"],
    "DAS_Augmentation": ["views", "zoom_min", "flip", "details"],
    "DAS_Optimize": ["seed", "recipe"],
}
"""By node, the widgets that a new one shows."""

BROUGHT = {
    "DAS_ImageStack": ["tile"],
    "DAS_Augmentation": ["jitter", "noise"],
    "DAS_Optimize": ["steps", "step_size", "preview_every", "focus"],
}
"""By node, what it shows below them when the last of them is custom."""

TEMPLATE = "deep_dream"
"""One with all three nodes, each of them custom."""

WITHOUT_LABEL = ("control_after_generate", "Finish now")
"""Widgets that stand in another one, or are a button."""

VUE_NODES = "/settings/Comfy.VueNodes.Enabled"


@pytest.fixture
def new_page(comfyui: Client, browser: Browser) -> Iterator[Page]:
    """The page with its newer renderer, Nodes 2.0."""
    if "advanced" not in json.dumps(comfyui.get_object_info("DAS_Optimize")["input"]):
        pytest.skip("this ComfyUI cannot fold widgets away")
    comfyui.post(VUE_NODES, True)
    try:
        with open_page(browser, comfyui) as page:
            yield page
    finally:
        comfyui.post(VUE_NODES, False)


def add_node(page: Page, node: str) -> None:
    """Put one node into an empty graph, in the middle of the page."""
    page.evaluate(
        """node => {
            app.graph.clear()
            const added = LiteGraph.createNode(node)
            app.graph.add(added)
            added.pos = [500, 60]
            app.canvas.ds.scale = 1
            app.canvas.ds.offset = [0, 0]
        }""",
        node,
    )


def expect_labels(page: Page, names: list[str]) -> None:
    """Wait until the one node shows widgets of these names, from top to bottom; a button has none."""
    expect(page.locator("[data-testid='widget-layout-field-label']")).to_have_text(names)


@pytest.mark.parametrize("node", list(SEEN))
def test_a_new_node_shows_at_most_five_widgets(new_page: Page, node: str) -> None:
    add_node(new_page, node)
    expect_labels(new_page, SEEN[node])
    assert len(SEEN[node]) <= 5


@pytest.mark.parametrize("node", list(SEEN))
def test_a_custom_node_shows_few_widgets_and_all_of_them_on_request(new_page: Page, node: str) -> None:
    add_node(new_page, node)
    set_widgets(new_page, {SEEN[node][-1]: "custom"})
    button = new_page.get_by_test_id("advanced-inputs-button")
    button.wait_for()
    shown = SEEN[node] + BROUGHT[node]
    expect_labels(new_page, shown)
    button.click()
    names = new_page.evaluate("app.graph.nodes[0].widgets.map(widget => widget.name.split('.').pop())")
    expect_labels(new_page, [name for name in names if name not in WITHOUT_LABEL])
    button.click()
    expect_labels(new_page, shown)


def check_saved_values(page: Page, name: str) -> None:
    """Load a workflow file and check that its values, which stand there by position, arrive and are saved as before."""
    file: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    api: dict[str, Any] = json.loads((EXAMPLES / "api" / f"{name}.json").read_text(encoding="utf-8"))
    load_template(page, name)
    found = export_api(page)
    for node_id, node in api.items():
        if node["class_type"] in SEEN:
            assert found[node_id]["inputs"] == node["inputs"]
    page.evaluate("for (const node of app.graph.nodes) node.showAdvanced = true")
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    values = {node["id"]: node.get("widgets_values") for node in saved["nodes"] if node["type"] in SEEN}
    assert values == {node["id"]: node.get("widgets_values") for node in file["nodes"] if node["type"] in SEEN}
    assert len(values) == len(SEEN)


def test_a_saved_workflow_loads_with_folded_widgets(new_page: Page) -> None:
    check_saved_values(new_page, TEMPLATE)


def test_a_saved_workflow_loads_in_the_older_renderer(page: Page) -> None:
    check_saved_values(page, TEMPLATE)
