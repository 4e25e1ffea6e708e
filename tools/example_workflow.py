"""From a workflow in API format to the same in UI format: the page of a real ComfyUI makes it, we arrange it.

The nodes, their widgets and links come from the frontend itself; positions, the note and the fixed seeds from here.
The result is read back through the page, and has to say what the API file says.
"""

import json
import math
import uuid
from collections.abc import Mapping
from typing import Any

from comfyui_events import Json
from comfyui_page import load_api, load_workflow
from comfyui_server import PACK_NAME
from example_layout import ROW_GAP, TITLE_HEIGHT, Box, Link, Size, layered_layout
from playwright.sync_api import Page

PICTURE_HEIGHT = dict.fromkeys(("LoadImage", "PreviewImage", "SaveImage", "DAS_Optimize"), 260)
"""Room below the widgets of nodes that show a picture once they run: a square one at the minimum width. Without it they
grow over their neighbours."""

MINIMUM_WIDTH = 270
GRID = 10
"""Sizes are rounded up to it: those that the page measures depend on the fonts of the machine by a pixel or two."""

NOTE_WIDTH = 640
NOTE_LINE_HEIGHT = 18
NOTE_LINE_LENGTH = 110
"""Characters that fit into a line of a note of that width, with the font that the frontend brings."""

# Some of the page's widgets, such as what PreviewAny shows, are no inputs of the node, yet sent to the server.
PAGE_ONLY_INPUTS_DROPPED = """async () => {
    const prompt = (await app.graphToPrompt()).output
    for (const node of Object.values(prompt)) {
        const { required, optional } = LiteGraph.registered_node_types[node.class_type].nodeData.input
        for (const name of Object.keys(node.inputs))
            if (!(name.split('.')[0] in { ...required, ...optional })) delete node.inputs[name]
    }
    return prompt
}"""

SIZES = "() => Object.fromEntries(app.graph.nodes.map(node => [node.id, [...node.size]]))"

ARRANGE = """([boxes, note]) => {
    for (const [id, box] of Object.entries(boxes)) {
        const node = app.graph.getNodeById(id)
        node.pos = [box.x, box.y]
        node.setSize([box.width, box.height])
        // Whoever opens an example gets its picture again with the second run too.
        for (const widget of node.widgets ?? [])
            if (widget.name === 'control_after_generate') widget.value = 'fixed'
    }
    if (note) {
        const node = LiteGraph.createNode('MarkdownNote')
        app.graph.add(node)
        node.title = 'Note'
        node.widgets[0].value = note.text
        node.pos = [note.x, note.y]
        node.setSize([note.width, note.height])
    }
}"""


class RoundTripError(ValueError):
    """The page does not say with a workflow what its API file says."""


def make_workflow(page: Page, prompt: Mapping[str, Any], name: str, note: str = "") -> Json:
    """Return the workflow in UI format, arranged, with an optional note in Markdown.

    Args:
        page: a freshly opened page, else numbers of links go on from its last workflow.
        prompt: the workflow in API format, with every input given: the page would add defaults for the others.

    Raises:
        RoundTripError: the page's nodes, inputs or links differ from the API file's; the message lists where.
    """
    load_api(page, prompt, name)
    check_same(prompt, page, name)
    boxes = layered_layout(_sizes(page, prompt), _links(prompt))
    arranged = {node: vars(box) for node, box in boxes.items()}
    page.evaluate(ARRANGE, [arranged, vars(_note_box(note)) | {"text": note} if note else None])
    # The page drops what is undefined when it writes JSON itself; handed over as objects, it would become null.
    workflow: Json = json.loads(page.evaluate("JSON.stringify(app.graph.serialize())"))
    workflow["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACK_NAME}/{name}"))
    workflow["extra"] = {}  # holds the view, which a page without one fits to the nodes, and versions
    load_workflow(page, workflow, name)
    check_same(prompt, page, name)
    return workflow


def check_same(prompt: Mapping[str, Any], page: Page, name: str) -> None:
    """Raise RoundTripError unless the page says what an API file says; the message lists the differences.

    Widgets that only the page knows, such as those in which PreviewAny shows its text, do not count.
    """
    found = differences(prompt, page.evaluate(PAGE_ONLY_INPUTS_DROPPED))
    if found:
        raise RoundTripError(f"{name}: the page does not say what the API file says:\n  " + "\n  ".join(found))


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Return where two workflows in API format differ in nodes, inputs and links; titles do not count."""
    found = []
    for node in sorted(expected.keys() | actual.keys()):
        if node not in actual or node not in expected:
            found.append(f"node {node} is only in the {'page' if node in actual else 'file'}")
            continue
        file, made = expected[node], actual[node]
        if file["class_type"] != made["class_type"]:
            found.append(f"node {node} is a {file['class_type']} in the file, a {made['class_type']} in the page")
        for key in sorted(file["inputs"].keys() | made["inputs"].keys()):
            values = [json.dumps(side["inputs"][key]) if key in side["inputs"] else "absent" for side in (file, made)]
            if file["inputs"].get(key) != made["inputs"].get(key) or "absent" in values:
                found.append(
                    f"node {node} ({file['class_type']}), {key}: {values[0]} in the file, {values[1]} in the page"
                )
    return found


def _links(prompt: Mapping[str, Any]) -> list[Link]:
    links = []
    for target, node in prompt.items():
        sources = [value[0] for value in node["inputs"].values() if isinstance(value, list)]
        links += [Link(source, target, order) for order, source in enumerate(sources)]
    return links


def _sizes(page: Page, prompt: Mapping[str, Any]) -> dict[str, Size]:
    measured: dict[str, tuple[float, float]] = page.evaluate(SIZES)
    sizes = {}
    for node, content in prompt.items():
        width, height = (math.ceil(side / GRID) * GRID for side in measured[node])
        sizes[node] = max(width, MINIMUM_WIDTH), height + PICTURE_HEIGHT.get(content["class_type"], 0)
    return sizes


def _note_box(text: str) -> Box:
    """Above the first column: beside it, the note would make a wide picture wider, and its text too small to read."""
    lines = sum(max(1, math.ceil(len(line) / NOTE_LINE_LENGTH)) for line in text.splitlines())
    height = (lines + 1) * NOTE_LINE_HEIGHT
    return Box(0, -height - TITLE_HEIGHT - ROW_GAP, NOTE_WIDTH, height)
