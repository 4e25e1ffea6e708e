"""Conversion of a workflow from API format to UI format by the page of a real ComfyUI.

The page creates the nodes, their widgets and links; this module sets positions, adds the note and fixes the seeds.
Then the page loads the result, and its API format is compared with the original.
"""

import json
import math
import uuid
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

from generators.example_app import make_app
from generators.example_layout import ROW_GAP, TITLE_HEIGHT, Box, Link, Size, compute_layout
from harness.events import Json
from harness.page import load_api, load_workflow
from harness.server import PACK_NAME

PICTURE_HEIGHT = dict.fromkeys(("LoadImage", "PreviewImage", "SaveImage", "DAS_Optimize"), 260)
"""Height that is added to nodes which show a picture when they run: that of a square one at the minimum width. Without
it they would grow over their neighbours."""

MINIMUM_WIDTH = 270
GRID = 10
"""Sizes are rounded up to multiples of this: on the page they vary by a pixel or two with the fonts of the machine."""

NOTE_WIDTH = 640
NOTE_LINE_HEIGHT = 18
NOTE_LINE_LENGTH = 110
"""The number of characters in a line of a note of that width, in the font of the frontend."""

JS_GET_PROMPT = """async () => {
    const prompt = (await app.graphToPrompt()).output
    for (const node of Object.values(prompt)) {
        const { required, optional } = LiteGraph.registered_node_types[node.class_type].nodeData.input
        for (const name of Object.keys(node.inputs))
            if (!(name.split('.')[0] in { ...required, ...optional })) delete node.inputs[name]
    }
    return prompt
}"""
"""Returns the workflow in API format, without the widgets that are no inputs of the node, such as the text that
PreviewAny shows: the page sends them to the server too."""

JS_GET_SIZES = "() => Object.fromEntries(app.graph.nodes.map(node => [node.id, [...node.size]]))"
"""Returns the width and height of each node by its id."""

JS_ARRANGE = """([boxes, note]) => {
    for (const [id, box] of Object.entries(boxes)) {
        const node = app.graph.getNodeById(id)
        node.pos = [box.x, box.y]
        node.setSize([box.width, box.height])
        // With a fixed seed the second run of an example gives the same picture as the first.
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
"""Moves and resizes the nodes, fixes their seeds, and adds the note unless it is null."""


class RoundTripError(ValueError):
    """The workflow on the page differs from its API file."""


def make_workflow(page: Page, prompt: Mapping[str, Any], name: str, note: str = "") -> Json:
    """Return the workflow in UI format, arranged, with an optional note in Markdown.

    Args:
        page: a newly opened page; on a used one the link numbers continue from its last workflow.
        prompt: the workflow in API format, with a value for every input: the page would add defaults for the others.

    Raises:
        RoundTripError: nodes, inputs or links on the page differ from the API file; the message lists them.
    """
    load_api(page, prompt, name)
    check_same(prompt, page, name)
    boxes = compute_layout(_sizes(page, prompt), _links(prompt))
    arranged = {node: vars(box) for node, box in boxes.items()}
    page.evaluate(JS_ARRANGE, [arranged, vars(_note_box(note)) | {"text": note} if note else None])
    # The page writes the JSON itself, which drops undefined values; converted by Playwright, they would become null.
    workflow: Json = json.loads(page.evaluate("JSON.stringify(app.graph.serialize())"))
    workflow["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACK_NAME}/{name}"))
    workflow["extra"] = {}  # drops versions and the view; without a view the page fits it to the nodes
    workflow["extra"] |= make_app(prompt, name)
    load_workflow(page, workflow, name)
    check_same(prompt, page, name)
    return workflow


def check_same(prompt: Mapping[str, Any], page: Page, name: str) -> None:
    """Raise RoundTripError if the workflow on the page differs from an API file; the message lists the differences.

    Widgets that only the page has, such as those in which PreviewAny shows its text, are not compared.
    """
    found = find_differences(prompt, page.evaluate(JS_GET_PROMPT))
    if found:
        raise RoundTripError(f"{name}: the page does not say what the API file says:\n  " + "\n  ".join(found))


def find_differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Return the differences of two workflows in API format in nodes, inputs and links; titles are not compared."""
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
    measured: dict[str, tuple[float, float]] = page.evaluate(JS_GET_SIZES)
    sizes = {}
    for node, content in prompt.items():
        width, height = (math.ceil(side / GRID) * GRID for side in measured[node])
        sizes[node] = max(width, MINIMUM_WIDTH), height + PICTURE_HEIGHT.get(content["class_type"], 0)
    return sizes


def _note_box(text: str) -> Box:
    """Return the box of the note, which is above the first column: beside it, the note would widen the whole view."""
    lines = sum(max(1, math.ceil(len(line) / NOTE_LINE_LENGTH)) for line in text.splitlines())
    height = (lines + 1) * NOTE_LINE_HEIGHT
    return Box(0, -height - TITLE_HEIGHT - ROW_GAP, NOTE_WIDTH, height)
