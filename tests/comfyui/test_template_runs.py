"""Templates after a run in the page: all nodes done, no node covers another or leaves its group, in both renderers.

Each test leaves pictures of the page in its temporary folder, to be looked at: as the template opens, and the whole
workflow after a run, in either renderer. `pytest --basetemp FOLDER` puts them where they are easy to find.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from generators.make_examples import name_api
from harness.client import Client, Prompt
from harness.page import close_dialogs, load_template, open_page, press_run
from short_examples import EXAMPLES, has_named_recipe, read_example, shortened
from template_page import NAMES, find_outside, find_overlaps, has_nodes_2, set_renderer, shorten_named_recipes

JS_APPLY = """changes => {
    for (const [id, type] of Object.entries(changes.replaced)) {
        const old = app.graph.getNodeById(id), fresh = LiteGraph.createNode(type)
        fresh.pos = [...old.pos]
        fresh.title = old.title
        app.graph.add(fresh)
        fresh.size = [...old.size]
        old.outputs.forEach((output, slot) => {
            for (const link of [...(output.links ?? [])].map(number => app.graph.links.get(number)))
                fresh.connect(slot, app.graph.getNodeById(link.target_id), link.target_slot)
        })
        app.graph.remove(old)
    }
    for (const [id, inputs] of Object.entries(changes.values)) {
        const node = app.graph.getNodeById(id)
        for (const [name, value] of Object.entries(inputs)) {
            const widget = node.widgets.find(widget => widget.name === name)
            widget.value = value
            widget.callback?.(value)
        }
    }
}"""
"""Makes of an open template what the stand-ins make of its workflow."""

JS_SHOW_ALL = """async () => {
    const boxes = app.graph.nodes.map(node => [...node.pos, ...node.size])
    const left = Math.min(...boxes.map(box => box[0])) - 40, top = Math.min(...boxes.map(box => box[1])) - 80
    const right = Math.max(...boxes.map(box => box[0] + box[2])) + 40
    const bottom = Math.max(...boxes.map(box => box[1] + box[3])) + 40
    const scale = Math.min((innerWidth - 60) / (right - left), (innerHeight - 110) / (bottom - top), 1)
    app.canvas.ds.scale = scale
    app.canvas.ds.offset = [60 / scale - left, 110 / scale - top]
    app.canvas.setDirty(true, true)
    for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame)
}"""
"""Shows the whole workflow between the bars of the page."""

JS_SHOWS_PICTURES = """modern => app.graph.nodes
    .filter(node => ['SaveImage', 'PreviewImage'].includes(node.type) && node.mode === 0)
    .every(node => modern ? document.querySelector(`[data-node-id="${node.id}"] img`)?.complete : node.imgs?.length)"""
"""Whether every node that shows pictures has loaded them."""


def find_changes(before: Prompt, after: Prompt) -> dict[str, Any]:
    """Return which nodes of a workflow have become of another class, and which values have changed.

    The values of an Optimize are left out where its recipe has a name: see `shorten_named_recipes`.
    """
    replaced = {node for node in before if before[node]["class_type"] != after[node]["class_type"]}
    return {
        "replaced": {node: after[node]["class_type"] for node in sorted(replaced)},
        "values": {
            node: {
                name: value
                for name, value in after[node]["inputs"].items()
                if not isinstance(value, list) and value != before[node]["inputs"].get(name)
            }
            for node in before
            if node not in replaced and not has_named_recipe(before[node])
        },
    }


def photograph_page(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png")


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_nothing_overlaps_or_leaves_its_group_afterwards(
    comfyui: Client, browser: Browser, tmp_path: Path, name: str
) -> None:
    given = read_example(f"api/{name_api(EXAMPLES / name)}")
    prompt = shortened(deepcopy(given))
    modern = has_nodes_2(comfyui)
    with open_page(browser, comfyui) as page:
        page.set_viewport_size({"width": 1920, "height": 1080})
        load_template(page, name)
        photograph_page(page, tmp_path, f"{name}_opened_classic")
        close_dialogs(page)
        if modern:
            set_renderer(page, True)
            photograph_page(page, tmp_path, f"{name}_opened")
            set_renderer(page, False)
        page.evaluate(JS_APPLY, find_changes(given, prompt))
        shorten_named_recipes(page)
        history = comfyui.wait(press_run(page), timeout=300)
        assert history["status"]["status_str"] == "success", history["status"]
        for renderer in [False, True][: 1 + modern]:
            set_renderer(page, renderer)
            page.evaluate(JS_SHOW_ALL)
            page.wait_for_function(JS_SHOWS_PICTURES, arg=renderer)
            photograph_page(page, tmp_path, f"{name}_ran{'' if renderer else '_classic'}")
            assert find_overlaps(page) == []
            assert find_outside(page) == []
        if modern:
            set_renderer(page, False)
