"""The sizes of the nodes of an example workflow, as the page of a real ComfyUI draws them."""

import math
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

from generators.example_groups import INSPECTIONS
from generators.example_layout import Size

MINIMUM_WIDTH = 300
WIDE = 420
"""The least width of nodes that show many pictures, a wide picture or a chart, see `_shows_sheet`."""

TABLE_WIDTH = 560
"""The least width of a node that shows a table as a text, in a font of fixed width."""

GRID = 10
"""Sizes are rounded up to multiples of this number of pixels, because on the page they vary by a pixel or two with the
fonts of the machine."""

PICTURE_ROOM = 220
"""Extra height for the picture that a node shows after a run. Without this height, the node would then grow over its
neighbours."""

TEXT_ROOM = 40
"""Extra height for the line of text that a node shows while it loads or encodes something."""

SAYS_TEXT = {
    "DAS_LoadClassifier", "DAS_LoadCLIP", "DAS_CLIPFromComfyUI", "DAS_TextObjective", "DAS_ImageObjective",
    "DAS_Keyframes",
}  # fmt: skip

SHOWS_PICTURE = {"PreviewImage", "SaveImage", "SaveAnimatedWEBP", "DAS_Optimize"}
HAS_TEXT_BOX = {"DAS_Similarity"}
"""Nodes that show a picture below a text box."""

SHOWS_TABLE = {"DAS_ListLayers"}
"""Nodes that are at least `TABLE_WIDTH` pixels wide."""

TEXT_BOX_ROOM = 60
"""Extra height for a text box: the page gives it only two lines, and makes it smaller when the node shows a picture."""

MAKES_SHEET = {"BatchImagesNode", "ImageStitch", "DAS_StackLevels"}
"""Nodes that make many pictures, or wide pictures. A node that shows these pictures or those of `FRAMES` is at
least `WIDE` pixels wide."""

FRAMES = ("DAS_Optimize", 2)
"""The output with the intermediate pictures of an ascent: the class of its node, and its number."""

JS_MEASURE = """async (widths) => {
    const paint = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    const nodes = app.graph.nodes
    for (const node of nodes) {
        const [width, height] = node.computeSize()
        node.setSize([Math.max(widths[node.id], width), Math.max(node.size[1], height)])
    }
    const own = nodes.map(node => [...node.size])
    // Inputs that the page folds away need room too, once someone unfolds them; in Nodes 2.0 everything is higher.
    for (const node of nodes) node.showAdvanced = true
    const unfolded = nodes.map(node => node.computeSize())
    const settings = app.extensionManager.setting
    await settings.set('Comfy.VueNodes.Enabled', true)
    const boxes = () => nodes.map(node => document.querySelector(`[data-node-id="${node.id}"]`))
    for (let frame = 0; frame < 120 && boxes().some(box => !box); frame++) await paint()
    for (let frame = 0; frame < 30; frame++) await paint()
    const drawn = boxes().map(box => (box ? box.offsetHeight - LiteGraph.NODE_TITLE_HEIGHT : 0))
    await settings.set('Comfy.VueNodes.Enabled', false)
    await paint()
    return Object.fromEntries(nodes.map((node, i) => {
        node.showAdvanced = false
        const shows = Boolean(LiteGraph.registered_node_types[node.type].nodeData.output_node)
        return [node.id, [own[i][0], own[i][1], Math.max(own[i][1], unfolded[i][1], drawn[i]), shows]]
    }))
}"""
"""Takes the least width of each node by its id. Returns for each node its width, its height, the largest height that it
may need, and whether it is an output node, which may show something after a run."""


def measure_nodes(page: Page, prompt: Mapping[str, Any]) -> tuple[dict[str, Size], dict[str, Size]]:
    """Return the size of each node, and the room that it needs: two mappings from node id to (width, height) in pixels.

    The room has the same width. Its height is the largest that the node may need in either renderer of the page (the
    classic one or Nodes 2.0), with its advanced inputs unfolded and with all that it shows during and after a run.

    Args:
        page: ComfyUI's page with the workflow on it.
        prompt: the workflow in API format.
    """
    widths = {node: _least_width(node, prompt) for node in prompt}
    measured: dict[str, tuple[float, float, float, bool]] = page.evaluate(JS_MEASURE, widths)
    own, room = {}, {}
    for node, content in prompt.items():
        *sides, is_output = measured[node]
        width, height, needed = (math.ceil(side / GRID) * GRID for side in sides)
        name = content["class_type"]
        if name in SHOWS_PICTURE or (is_output and name in INSPECTIONS):
            # A wider node shows its picture wider, and so higher.
            added = PICTURE_ROOM + width - MINIMUM_WIDTH
            needed += added
            # In newer pages a text box fills all the room in its node, so room for the picture would enlarge the text
            # box. So the height of such a node has no room for the picture: the node grows when the picture appears.
            if name in HAS_TEXT_BOX:
                height, needed = height + TEXT_BOX_ROOM, needed + TEXT_BOX_ROOM
            else:
                height += added
        if name in SAYS_TEXT:
            needed += TEXT_ROOM
        own[node], room[node] = (width, height), (width, needed)
    return own, room


def _least_width(node: str, prompt: Mapping[str, Any]) -> int:
    """Return the least width of a node in pixels; it is larger if the node shows a table or a sheet of pictures."""
    if prompt[node]["class_type"] in SHOWS_TABLE:
        return TABLE_WIDTH
    return WIDE if _shows_sheet(node, prompt) else MINIMUM_WIDTH


def _shows_sheet(node: str, prompt: Mapping[str, Any]) -> bool:
    """Return whether a node shows many pictures, a wide picture, or a chart."""
    name = prompt[node]["class_type"]
    sources = [value for value in prompt[node]["inputs"].values() if isinstance(value, list)]
    made_by = [(prompt[source]["class_type"], output) for source, output in sources]
    return name in INSPECTIONS or (
        name in SHOWS_PICTURE and any(a in MAKES_SHEET or (a, b) == FRAMES for a, b in made_by)
    )
