"""Templates as they open: legible, on their note, inputs, Optimize and result, without overlaps, in both renderers.

Nodes 2.0 is tested where users have it. In ComfyUI 0.8.0 it was a trial that moved and enlarged every node by itself.
"""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from harness.client import Client
from harness.page import load_template, open_page, press_run
from short_examples import EXAMPLES
from template_page import JS_GET_BOXES, NAMES, find_overlaps, has_nodes_2, set_renderer, set_widgets

SMALLEST_ZOOM = 0.9
MOST_WIDGETS = 14
"""The most widgets of the pack that a template shows at first."""

JS_COUNT_WIDGETS = """() => app.graph.nodes.filter(({ type }) => type.startsWith('DAS_'))
    .flatMap(node => (node.widgets ?? []).filter(widget => node.isWidgetVisible(widget)))
    .filter(widget => widget.options?.getMaxHeight?.() !== 0).length"""  # The panel that steers has no height at first.

BARS = {"left": 56, "top": 100}
"""Pixels that the page's bars cover; they end there in ComfyUI 0.33."""


def first_ascent(workflow: dict[str, Any]) -> str:
    """Return the id of the ascent that no other feeds; where there is none, that of the sampler."""
    for kinds in (("DAS_Optimize", "DAS_GuideDiffusion", "DAS_FeatureAtlas"), ("KSampler",)):
        ascents = {node: content["inputs"] for node, content in workflow.items() if content["class_type"] in kinds}
        for node, inputs in ascents.items():
            if not any(isinstance(value, list) and value[0] in ascents for value in inputs.values()):
                return node
    raise LookupError("no ascent and no sampler")


def find_on_screen(page: Page, node: str) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a node in the pixels of the screen."""
    x, y, width, height = page.evaluate(JS_GET_BOXES)[node]
    scale, (left, top) = page.evaluate("[app.canvas.ds.scale, [...app.canvas.ds.offset]]")
    return (x + left) * scale, (y + top) * scale, (x + left + width) * scale, (y + top + height) * scale


def check_seen(page: Page, nodes: list[str]) -> None:
    """Assert that nodes lie wholly between the bars of the page."""
    size = page.viewport_size
    assert size is not None
    for node in nodes:
        x0, y0, x1, y1 = find_on_screen(page, node)
        assert BARS["left"] <= x0 < x1 <= size["width"], node
        assert BARS["top"] <= y0 < y1 <= size["height"], node


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_legible_from_its_note_to_its_result_without_overlaps(
    comfyui: Client, browser: Browser, name: str
) -> None:
    prompt = json.loads((EXAMPLES / "api" / f"{name}.json").read_text(encoding="utf-8"))
    with open_page(browser, comfyui) as page:
        load_template(page, name)
        note = str(page.evaluate("app.graph.nodes.find(node => node.type === 'MarkdownNote').id"))
        kinds = {kind: node for node, kind in ((name, node["class_type"]) for name, node in prompt.items())}
        result = next(kinds[kind] for kind in ("SaveVideo", "SaveImage") if kind in kinds)
        inputs = [node for node, content in prompt.items() if content["class_type"] == "LoadImage"]
        seen = [note, *inputs, first_ascent(prompt), result]
        for size in ((1600, 900), (1920, 1080)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            assert page.evaluate("app.canvas.ds.scale") >= SMALLEST_ZOOM
            check_seen(page, seen)
        assert find_overlaps(page) == []
        if not has_nodes_2(comfyui):
            return
        assert page.evaluate(JS_COUNT_WIDGETS) <= MOST_WIDGETS
        set_renderer(page, True)
        check_seen(page, seen)
        assert find_overlaps(page) == []
        hidden = page.evaluate(
            "() => [...document.querySelectorAll('.comfy-markdown-content')].map(e => e.scrollHeight - e.clientHeight)"
        )
        assert all(rest <= 1 for rest in hidden)


def test_a_run_gives_only_the_ascent_a_new_seed(comfyui: Client, browser: Browser) -> None:
    with open_page(browser, comfyui) as page:
        load_template(page, "two_regions")
        set_widgets(page, {"recipe": "custom", "recipe.steps": 2, "recipe.preview_every": 2})
        seeds = """() => Object.fromEntries(app.graph.nodes.filter(node => node.widgets?.some(w => w.name === 'seed'))
            .map(node => [node.type, node.widgets.find(widget => widget.name === 'seed').value]))"""
        assert page.evaluate(seeds) == {"DAS_ImageStack": 0, "DAS_Optimize": 0}
        history = comfyui.wait(press_run(page), timeout=300)
        assert history["status"]["status_str"] == "success"
        after = page.evaluate(seeds)
        assert after["DAS_ImageStack"] == 0
        assert after["DAS_Optimize"] != 0


def test_an_opened_template_is_an_ordinary_workflow_whose_view_nothing_moves(comfyui: Client, browser: Browser) -> None:
    with open_page(browser, comfyui) as page:
        load_template(page, "sketch")
        saved = json.loads(page.evaluate("JSON.stringify(app.graph.serialize())"))
        assert "direct_ascent" not in saved["extra"]
        page.evaluate("app.canvas.ds.scale = 0.9")
        # As undo does it: the state before, without its view.
        page.evaluate("state => app.loadGraphData(state, false, false)", saved)
        assert page.evaluate("app.canvas.ds.scale") == pytest.approx(0.9)


def test_every_type_of_link_of_the_pack_has_a_colour_of_its_own(comfyui: Client, browser: Browser) -> None:
    info = comfyui.get("/object_info")
    types = {kind for node in info.values() for kind in node["output"] if str(kind).startswith("DAS_")}
    with open_page(browser, comfyui) as page:
        load_template(page, "sketch")
        colors = page.evaluate("app.canvas.constructor.link_type_colors")
        slots = page.evaluate("app.canvas.default_connection_color_byType")
    assert types <= {kind for kind, color in colors.items() if color}
    assert len({colors[kind] for kind in types}) == len(types)
    assert all(slots[kind] == colors[kind] for kind in types)
