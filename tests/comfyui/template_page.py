"""Templates in ComfyUI's frontend: their names, the two renderers of nodes, positions of nodes, values of widgets."""

import itertools
from collections.abc import Mapping

from playwright.sync_api import Page, Route

from harness.client import Client
from short_examples import EXAMPLES, has_named_recipe, set_recipe

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))

Boxes = dict[str, tuple[float, float, float, float]]

JS_SET_RENDERER = """async modern => {
    const paint = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    await app.extensionManager.setting.set('Comfy.VueNodes.Enabled', modern)
    const drawn = () => app.graph.nodes.filter(node => document.querySelector(`[data-node-id="${node.id}"]`)).length
    for (let frame = 0; frame < 300 && drawn() !== (modern ? app.graph.nodes.length : 0); frame++) await paint()
    for (let frame = 0; frame < 30; frame++) await paint()
}"""
"""Lets the frontend draw nodes as Nodes 2.0 or as classic nodes, and waits until all are drawn."""

JS_GET_BOXES = """() => Object.fromEntries(app.graph.nodes.map(node => {
    const title = LiteGraph.NODE_TITLE_HEIGHT
    const drawn = document.querySelector(`[data-node-id="${node.id}"]`)
    const [width, height] = drawn ? [drawn.offsetWidth, drawn.offsetHeight] : [node.size[0], node.size[1] + title]
    return [node.id, [node.pos[0], node.pos[1] - title, width, height]]
}))"""
"""Returns x, y, width and height of every node with its title bar, on the canvas."""


JS_SET_WIDGETS = """values => {
    for (const [name, value] of Object.entries(values)) {
        const widgets = app.graph.nodes.flatMap(node => node.widgets?.filter(widget => widget.name === name) ?? [])
        if (!widgets.length) throw new Error(`no node has a widget ${name}`)
        // To set a choice again would reset the widgets that it adds.
        for (const widget of widgets.filter(widget => widget.value !== value)) {
            widget.value = value
            widget.callback?.(value)
        }
    }
}"""
"""Sets widgets by their names, one after the other: a choice first, then the widgets that it adds."""


def set_renderer(page: Page, modern: bool) -> None:
    page.evaluate(JS_SET_RENDERER, modern)


def set_widgets(page: Page, values: Mapping[str, object]) -> None:
    page.evaluate(JS_SET_WIDGETS, dict(values))


def shorten_named_recipes(page: Page) -> None:
    """Let the Run button of a page send two steps of the recipe picture in place of every recipe with a name."""

    def shorten(route: Route) -> None:
        content = route.request.post_data_json
        if content is None:
            route.continue_()
            return
        for node in content["prompt"].values():
            if has_named_recipe(node):
                set_recipe(node["inputs"], steps=2, preview_every=1, focus="everywhere")
        route.continue_(post_data=content)

    page.route("**/api/prompt", shorten)


def has_nodes_2(client: Client) -> bool:
    """Return whether this ComfyUI has Nodes 2.0 in its present form; such versions know search aliases too."""
    return "search_aliases" in client.get_object_info("DAS_Optimize")


def find_overlaps(page: Page) -> list[tuple[str, str]]:
    """Return the titles of all pairs of nodes of which one covers a part of the other."""
    boxes: Boxes = page.evaluate(JS_GET_BOXES)
    titles = page.evaluate("Object.fromEntries(app.graph.nodes.map(node => [node.id, node.title]))")
    return [
        (titles[a], titles[b])
        for (a, (ax, ay, aw, ah)), (b, (bx, by, bw, bh)) in itertools.combinations(boxes.items(), 2)
        if ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah
    ]


def find_outside(page: Page) -> list[str]:
    """Return the titles of all nodes that reach beyond the edges of the group in which they begin."""
    boxes: Boxes = page.evaluate(JS_GET_BOXES)
    titles = page.evaluate("Object.fromEntries(app.graph.nodes.map(node => [node.id, node.title]))")
    frames: list[tuple[float, ...]] = page.evaluate("app.graph.groups.map(group => [...group.pos, ...group.size])")
    return [
        titles[node]
        for node, (x, y, width, height) in boxes.items()
        for left, top, wide, high in frames
        if left <= x < left + wide and top <= y < top + high and (x + width > left + wide or y + height > top + high)
    ]
