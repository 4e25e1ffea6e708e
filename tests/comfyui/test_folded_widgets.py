"""Widgets that a beginner need not see: the page folds them away where it can, and old files load as before."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from generators.make_examples import name_api
from harness.client import Client
from harness.page import export_api, load_template, open_page
from short_examples import EXAMPLES, read_example
from template_page import set_widgets

SEEN = {
    "DAS_ImageStack": ["width", "height", "batch_size", "start"],
    "DAS_Augmentation": ["views", "zoom_min", "flip", "details"],
    "DAS_Optimize": ["seed", "recipe"],
}
"""By node, the widgets that a new one shows."""

BROUGHT = {
    "DAS_ImageStack": ["tile"],
    "DAS_Augmentation": ["jitter", "noise"],
    "DAS_Optimize": ["steps", "step_size", "preview_every", "frame_every", "focus"],
}
"""By node, what it shows below them when `CUSTOM` of it is custom."""

CUSTOM = {"DAS_ImageStack": "details", "DAS_Augmentation": "details", "DAS_Optimize": "recipe"}

TEMPLATES = {"26 Video timelapse": "DAS_Optimize", "06 Wallpaper 1024": "DAS_ImageStack"}
"""Some with a node that is custom."""

WITHOUT_LABEL = ("control_after_generate", "Finish now", "acts", "steer")
"""Widgets that stand in another one, are a button, are hidden, or have a form of their own."""


@pytest.fixture
def new_page(comfyui: Client, browser: Browser) -> Iterator[Page]:
    """The page with its newer renderer, Nodes 2.0."""
    if "advanced" not in json.dumps(comfyui.get_object_info("DAS_Optimize")["input"]):
        pytest.skip("this ComfyUI cannot fold widgets away")
    with open_page(browser, comfyui, modern=True) as page:
        yield page


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
    set_widgets(new_page, {CUSTOM[node]: "custom"})
    button = new_page.get_by_test_id("advanced-inputs-button")
    button.wait_for()
    shown = SEEN[node] + BROUGHT[node]
    expect_labels(new_page, shown)
    button.click()
    names = new_page.evaluate("app.graph.nodes[0].widgets.map(widget => widget.name.split('.').pop())")
    expect_labels(new_page, [name for name in names if name not in WITHOUT_LABEL])
    button.click()
    expect_labels(new_page, shown)


def test_a_custom_node_is_as_tall_as_what_it_shows_and_idle_it_has_nothing_to_finish(new_page: Page) -> None:
    add_node(new_page, "DAS_Optimize")
    set_widgets(new_page, {"recipe": "custom"})
    button = new_page.get_by_role("button", name="Finish now")
    expect(button).to_be_disabled()
    node, last = (found.bounding_box() for found in (new_page.locator("[data-node-id]"), button))
    assert node is not None
    assert last is not None
    # Below it are the name of the pack and the button that shows the advanced widgets.
    assert node["y"] + node["height"] - last["y"] - last["height"] < 100


def check_saved_values(page: Page, name: str) -> None:
    """Load a workflow file and check that its values, which stand there by position, arrive and are saved as before."""
    kind = TEMPLATES[name]
    file: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    api: dict[str, Any] = read_example(f"api/{name_api(EXAMPLES / name)}")
    (custom,) = (node for node in api if api[node]["class_type"] == kind)
    load_template(page, name)
    assert export_api(page)[custom]["inputs"] == api[custom]["inputs"]
    page.evaluate("for (const node of app.graph.nodes) node.showAdvanced = true")
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    values = [[node["widgets_values"] for node in graph["nodes"] if node["type"] == kind] for graph in (saved, file)]
    assert values[0] == values[1]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_saved_workflow_loads_with_folded_widgets(new_page: Page, name: str) -> None:
    check_saved_values(new_page, name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_saved_workflow_loads_in_the_older_renderer(page: Page, name: str) -> None:
    check_saved_values(page, name)
