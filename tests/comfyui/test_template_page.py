"""Templates as they open: without overlaps, with few widgets and the whole note, in both renderers.

Nodes 2.0 is tested where users have it. In ComfyUI 0.8.0 it was a trial that moved and enlarged every node by itself.
"""

import pytest
from playwright.sync_api import Browser

from harness.client import Client
from harness.page import load_template, open_page, press_run
from template_page import NAMES, find_overlaps, has_nodes_2, set_renderer, set_widgets

MOST_WIDGETS = 14
"""The most widgets of the pack that a template shows at first."""

JS_COUNT_WIDGETS = """() => app.graph.nodes.filter(({ type }) => type.startsWith('DAS_'))
    .flatMap(node => (node.widgets ?? []).filter(widget => node.isWidgetVisible(widget)))
    .filter(widget => widget.options?.getMaxHeight?.() !== 0).length"""  # The panel that steers has no height at first.


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_without_overlaps_and_with_its_whole_note(comfyui: Client, browser: Browser, name: str) -> None:
    with open_page(browser, comfyui) as page:
        load_template(page, name)
        assert find_overlaps(page) == []
        if not has_nodes_2(comfyui):
            return
        assert page.evaluate(JS_COUNT_WIDGETS) <= MOST_WIDGETS
        set_renderer(page, True)
        assert find_overlaps(page) == []
        hidden = page.evaluate(
            "() => [...document.querySelectorAll('.comfy-markdown-content')].map(e => e.scrollHeight - e.clientHeight)"
        )
        assert all(rest <= 1 for rest in hidden)


def test_a_run_gives_only_the_ascent_a_new_seed(comfyui: Client, browser: Browser) -> None:
    with open_page(browser, comfyui) as page:
        load_template(page, "05 Two regions")
        set_widgets(page, {"recipe": "custom", "recipe.steps": 2, "recipe.preview_every": 2})
        seeds = """() => Object.fromEntries(app.graph.nodes.filter(node => node.widgets?.some(w => w.name === 'seed'))
            .map(node => [node.type, node.widgets.find(widget => widget.name === 'seed').value]))"""
        assert page.evaluate(seeds) == {"DAS_ImageStack": 0, "DAS_Optimize": 0}
        history = comfyui.wait(press_run(page), timeout=300)
        assert history["status"]["status_str"] == "success"
        after = page.evaluate(seeds)
        assert after["DAS_ImageStack"] == 0
        assert after["DAS_Optimize"] != 0
