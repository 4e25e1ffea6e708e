"""Conversion of a workflow from API format to UI format by the page of a real ComfyUI.

The page creates the nodes, their widgets and links. This module sets positions and colours, adds the groups and the
note, and sets which seeds change after a run. Then the page loads the result, and exports it in API format, which is
compared with the original.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

from generators.example_app import make_app
from generators.example_groups import COLORS, NOTE_COLORS, Colors, assign_groups, list_links
from generators.example_layout import Size
from generators.example_models import list_files
from generators.example_page import Plan, make_view, plan_page
from generators.example_sizes import measure_nodes
from harness.events import Json
from harness.page import load_api, load_workflow
from harness.server import PACK_NAME

CODE = re.compile(r"`([^`]+)`")
"""Code in a note. Emphasis replaces it, because the newer renderer of ComfyUI's page, Nodes 2.0, draws code in blue on
blue, with a contrast ratio of 3."""

JS_GET_PROMPT = """async () => {
    const prompt = (await app.graphToPrompt()).output
    for (const node of Object.values(prompt)) {
        const { required, optional } = LiteGraph.registered_node_types[node.class_type].nodeData.input
        for (const name of Object.keys(node.inputs))
            if (!(name.split('.')[0] in { ...required, ...optional })) delete node.inputs[name]
    }
    return prompt
}"""
"""Returns the workflow in API format, without the values of widgets that are no inputs of the node, such as the text
that PreviewAny shows. The page adds such values when it exports a workflow."""

JS_ARRANGE = """({ nodes, frames, note }) => {
    for (const [id, { x, y, width, height, color, bgcolor, models }] of Object.entries(nodes)) {
        const node = app.graph.getNodeById(id)
        node.pos = [x, y]
        node.setSize([width, height])
        Object.assign(node, { color, bgcolor })
        if (models.length) node.properties.models = models
        // With a new seed after every run of an ascent, Run gives another picture. All else stays as it is.
        const named = name => node.widgets?.find(widget => widget.name === name)
        const noise = node.type === 'DAS_ImageStack' && named('start')?.value === 'noise'
        const control = named('control_after_generate')
        if (control) control.value = noise || node.type === 'DAS_Optimize' ? 'randomize' : 'fixed'
        // A text that a link brings: the page shows the one that the link replaces, which misleads.
        for (const { link, widget } of node.inputs ?? []) {
            const replaced = link != null && widget && named(widget.name)
            if (replaced && typeof replaced.value === 'string' && !replaced.options?.values) replaced.value = ''
        }
    }
    for (const { title, x, y, width, height, color } of frames) {
        const group = new LiteGraph.LGraphGroup(title)
        group.pos = [x, y]
        group.size = [width, height]
        group.color = color
        app.graph.add(group)
    }
    if (note) {
        const node = LiteGraph.createNode('MarkdownNote')
        app.graph.add(node)
        node.title = 'Note'
        node.widgets[0].value = note.text
        node.pos = [note.x, note.y]
        node.setSize([note.width, note.height])
        Object.assign(node, { color: note.color, bgcolor: note.bgcolor })
    }
}"""
"""Moves, resizes and colours the nodes. Sets whether their seeds change after a run, and the addresses of their model
files. Empties texts that a link replaces. Adds the groups, and the note unless it is null."""


class RoundTripError(ValueError):
    """The workflow on ComfyUI's page differs from the workflow in API format from which the page made it."""


def make_workflow(page: Page, prompt: Mapping[str, Any], name: str, note: str = "") -> Json:
    """Return the workflow in UI format, arranged, with an optional note in Markdown.

    Args:
        page: a newly opened page; on a page that was used before, the numbers of links continue from its last workflow.
        prompt: the workflow in API format, with a value for every input: the page adds defaults where values are
            missing, and each of them counts as a difference from `prompt`.
        name: the name of the example workflow.
        note: the text of the note; "" for no note.

    Raises:
        RoundTripError: nodes, inputs or links on the page differ from `prompt`; the message lists the differences.
        PageTooSmallError: no arrangement shows the note and the first ascent at a zoom at which text is legible.
        ValueError: the example has a form in App mode, and the workflow lacks an input of this form or saves no image.
    """
    load_api(page, prompt, name)
    check_same(prompt, page, name)
    links = list_links(prompt)
    groups = assign_groups(prompt, links)
    note = CODE.sub(r"*\1*", note)
    own, room = measure_nodes(page, prompt)
    plan = plan_page(room, groups, links, note)
    page.evaluate(JS_ARRANGE, _describe(prompt, plan, groups, own, note))
    # The page itself makes the JSON text, because that leaves out undefined values; Playwright would return them as
    # null.
    workflow: Json = json.loads(page.evaluate("JSON.stringify(app.graph.serialize())"))
    workflow["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACK_NAME}/{name}"))
    view = make_view(plan, groups, links)
    # This assignment drops the version numbers that the page writes into `extra`. The page ignores the view in the file
    # of a template, and zooms so that the whole template is visible. web/template_view.js looks for the mark "template"
    # and then sets the view that the file has.
    workflow["extra"] = {"ds": {"scale": view.scale, "offset": list(view.offset)}, "direct_ascent": "template"}
    workflow["extra"] |= make_app(prompt, name)
    load_workflow(page, workflow, name)
    check_same(prompt, page, name)
    return workflow


def check_same(prompt: Mapping[str, Any], page: Page, name: str) -> None:
    """Raise RoundTripError if the workflow on the page differs from `prompt`; the message lists the differences.

    Widgets that only the page has, such as those in which PreviewAny shows its text, are not compared.

    Args:
        prompt: the workflow in API format.
        page: ComfyUI's page, with the workflow on it.
        name: the name of the example workflow, for the message.
    """
    found = find_differences(prompt, page.evaluate(JS_GET_PROMPT))
    if found:
        raise RoundTripError(f"{name}: the page does not say what the API file says:\n  " + "\n  ".join(found))


def find_differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Return the differences in nodes, inputs and links between two workflows in API format; titles may differ.

    Args:
        expected: the workflow of the file; a difference calls it "the file".
        actual: the workflow that the page returns; a difference calls it "the page".
    """
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


def _describe(
    prompt: Mapping[str, Any], plan: Plan, groups: Mapping[str, str], own: Mapping[str, Size], note: str
) -> Json:
    """Return the argument of the script that arranges the workflow on the page (`JS_ARRANGE`).

    It has the boxes and colours of the nodes, groups and note, the model files of the nodes, and the text of the note.

    Args:
        prompt: the workflow in API format.
        plan: the boxes of the nodes, of the groups and of the note.
        groups: the title of the group of each node, by node id.
        own: the width and height of each node, by node id. A node gets this height. Its box in the plan may be
            higher, because it has room for all that the node may show later, such as a picture after a run.
        note: the text of the note; "" for no note.
    """

    def colors(group: Colors) -> Json:
        return {"color": group.title, "bgcolor": group.body}

    return {
        "nodes": {
            node: vars(box)
            | {"height": own[node][1], "models": list_files(prompt[node])}
            | colors(COLORS[groups[node]])
            for node, box in plan.nodes.items()
        },
        "frames": [{"title": title, "color": COLORS[title].box} | vars(box) for title, box in plan.frames.items()],
        "note": vars(plan.note) | {"text": note} | colors(NOTE_COLORS) if note else None,
    }
