"""Blueprints in the real page: found by their names, added to an empty graph, connected, and run."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from harness.client import Client
from harness.page import export_api, press_run
from harness.server import PACK_NAME
from repository import REPOSITORY
from short_examples import PICTURE
from template_page import shorten_named_recipes

EMPTY_PLACE = (800, 300)
"""A point of the page at which the empty graph is seen."""

JS_CONNECT = """() => {
    const [host] = app.graph.nodes
    host.inputs.forEach((input, slot) => {
        if (input.widget) return
        const source = LiteGraph.createNode(input.type === 'IMAGE' ? 'LoadImage' : 'SolidMask')
        app.graph.add(source)
        source.connect(0, host, slot)
    })
    const shown = LiteGraph.createNode('PreviewImage')
    app.graph.add(shown)
    host.connect(0, shown, 0)
    return String(shown.id)
}"""
"""Connects an image or a mask to every socket of the only node and a preview to its output, whose id it returns."""

NAMES = sorted(path.stem for path in (REPOSITORY / "subgraphs").glob("*.json"))

MAX_WIDGETS = 5
"""A double click opens the blueprint, which has all other settings."""


def add_from_search(page: Page, name: str) -> None:
    """Type a name into the node search, choose the node of that name and put it onto the graph."""
    page.evaluate("app.graph.clear()")
    page.evaluate("app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    page.get_by_role("combobox").first.fill(name)
    # The newer page shows the category, the older one the name of the pack.
    ours = re.compile("direct.ascent", re.IGNORECASE)
    page.get_by_role("option").filter(has_text=name).filter(has_text=ours).first.click()
    page.wait_for_function("app.graph.nodes.length === 1")
    # In newer pages a chosen node follows the pointer until a click.
    page.mouse.move(*EMPTY_PLACE)
    page.mouse.click(*EMPTY_PLACE)


def test_the_server_lists_them_as_those_of_this_pack(comfyui: Client) -> None:
    listed = comfyui.get("/global_subgraphs").values()
    ours = [entry["name"] for entry in listed if entry["info"]["node_pack"] == f"custom_nodes.{PACK_NAME}"]
    assert sorted(ours) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_found_by_its_name_and_makes_a_picture(comfyui: Client, page: Page, name: str) -> None:
    add_from_search(page, name)
    title, widgets, sockets, outputs = page.evaluate(
        """() => app.graph.nodes.map(node => [
            node.title, node.widgets.length, node.inputs.filter(input => !input.widget).map(input => input.type),
            node.outputs.map(output => output.type)
        ])[0]"""
    )
    assert title == name
    assert 1 <= widgets <= MAX_WIDGETS
    assert set(sockets) <= {"IMAGE", "MASK"}
    assert outputs == ["IMAGE"]
    shown = page.evaluate(JS_CONNECT)
    (optimize,) = (node["inputs"] for node in export_api(page).values() if node["class_type"] == "DAS_Optimize")
    assert optimize["recipe"] == {"Deep Dream": "dream", "Style Transfer": "style"}.get(name, "picture")
    shorten_named_recipes(page)
    history = comfyui.wait(press_run(page), timeout=300)
    assert history["status"]["status_str"] == "success"
    (image,) = comfyui.get_images(history, shown)
    assert np.ptp(np.asarray(image.convert("L"))) > 0


def test_what_is_chosen_on_the_face_is_what_runs(page: Page) -> None:
    add_from_search(page, "Class to Image")
    page.evaluate("app.graph.nodes[0].widgets.find(({ name }) => name === 'class').value = 'goldfish'")
    classes = [node["inputs"]["classes"] for node in export_api(page).values() if "classes" in node["inputs"]]
    assert classes == ["goldfish"]


def test_a_recipe_that_is_set_inside_is_what_runs(page: Page) -> None:
    add_from_search(page, "Class to Image")
    page.evaluate(
        """() => {
            const [optimize] = app.graph.nodes[0].subgraph.nodes.filter(node => node.type === 'DAS_Optimize')
            for (const [name, value] of [['recipe', 'custom'], ['recipe.steps', 2]])
                optimize.widgets.find(widget => widget.name === name).value = value
        }"""
    )
    # Looking at the workflow changes nothing in it.
    for _ in range(2):
        (inputs,) = (node["inputs"] for node in export_api(page).values() if node["class_type"] == "DAS_Optimize")
        settings = {name: value for name, value in inputs.items() if name.startswith("recipe")}
        assert settings == PICTURE | {"recipe.steps": 2}
