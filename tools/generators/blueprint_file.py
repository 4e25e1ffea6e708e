"""The content of the file of a blueprint: a subgraph node with sockets and a few widgets.

The nodes inside the subgraph are called inner nodes. Every input of the subgraph is linked to inputs of inner nodes. If
such an inner input has a widget, ComfyUI's page shows this widget on the subgraph node. The link stores the position of
the input (the number of its slot) on the inner node. If several links go into a growing input (an Autogrow), the inputs
of the inner node have other positions in other versions of the page: the page of ComfyUI 0.8.0 puts the growing slots
last. A value could then reach the wrong widget. So widgets of such nodes are not linked, but named in the property
`proxyWidgets` of the subgraph node.
"""

import copy
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from generators.blueprint_inside import Inside
from generators.blueprint_spec import Blueprint
from generators.example_layout import Box
from generators.prompt_widgets import Place, is_link
from harness.events import Json
from harness.server import PACK_NAME

INPUT_NODE, OUTPUT_NODE = -10, -20
"""The ids of the two nodes of a subgraph that stand for its inputs and for its outputs."""

HOST_ID = 100
"""The id of the subgraph node in the file. It is above the ids of the nodes in the subgraph, because the page changes
ids that appear twice."""

CATEGORY = "Direct Ascent"

PREVIEW = "$$canvas-image-preview"
"""The name of the preview that a running node shows. The newer renderer of ComfyUI's page, Nodes 2.0, can show the
preview of a node in the subgraph on the subgraph node too."""

END_WIDTH = 120
END_GAP = 60
SLOT_HEIGHT = 20


def make_blueprint(blueprint: Blueprint, inside: Inside, page_nodes: Json, boxes: Mapping[str, Box]) -> Json:
    """Return the content of the file of a blueprint: a workflow in UI format whose only node is the subgraph node.

    Args:
        blueprint: the name and the texts of the blueprint.
        inside: the nodes of the example workflow that go into the subgraph, as `cut_out` returns them.
        page_nodes: the same nodes (`inside.prompt`) as a workflow in UI format, as ComfyUI's page writes it.
        boxes: position and size of each of these nodes, by id.
    """
    subgraph = _make_subgraph(blueprint, inside, page_nodes, boxes)
    return {
        "id": _make_id(blueprint, "workflow"),
        "revision": 0,
        "last_node_id": HOST_ID,
        "last_link_id": 0,
        "nodes": [_make_host(blueprint, inside, subgraph)],
        "links": [],
        "groups": [],
        "definitions": {"subgraphs": [subgraph]},
        "config": {},
        "extra": {"BlueprintDescription": blueprint.description},
        "version": 0.4,
    }


def _make_subgraph(blueprint: Blueprint, inside: Inside, page_nodes: Json, boxes: Mapping[str, Box]) -> Json:
    # Links get new numbers, from 1: on a page that was used before, the numbers continue from its last workflow.
    numbers = {link[0]: number for number, link in enumerate(page_nodes["links"], start=1)}
    nodes = {str(node["id"]): _tidy(node, boxes[str(node["id"])], numbers) for node in page_nodes["nodes"]}
    slots = {given["link"]: slot for node in nodes.values() for slot, given in enumerate(node["inputs"])}
    links: list[Json] = []
    for _, origin, output_slot, target, _, kind in page_nodes["links"]:
        # `slots` has new numbers of links as keys; `len(links) + 1` is the new number of this link.
        _add_link(links, (origin, output_slot), (target, slots[len(links) + 1]), kind)
    left = min(box.x for box in boxes.values()) - END_GAP - END_WIDTH
    right = max(box.x + box.width for box in boxes.values()) + END_GAP
    middle = max(box.y + box.height for box in boxes.values()) // 2
    named = _find_named(inside)
    linked = {label: [place] for label, place in inside.widgets.items() if label not in named}
    targets = {**inside.sockets, **linked}
    inputs = []
    for number, (label, places) in enumerate(targets.items()):
        added = _connect_input(nodes, links, number, places)
        kind = next(link["type"] for link in links if link["id"] == added[0])
        at = [left + END_WIDTH - SLOT_HEIGHT, middle + number * SLOT_HEIGHT]
        inputs.append(_make_slot(blueprint, "in", label, kind, added, at))
    source, number = inside.picture
    output = nodes[source]["outputs"][number]
    last = _add_link(links, (int(source), number), (OUTPUT_NODE, 0), output["type"])
    output["links"] = [*(output["links"] or []), last]
    at = [right + SLOT_HEIGHT, middle]
    return {
        "id": _make_id(blueprint, "subgraph"),
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": max(map(int, nodes)), "lastLinkId": last, "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": blueprint.name,
        "category": CATEGORY,
        "inputNode": {"id": INPUT_NODE, "bounding": [left, middle, END_WIDTH, (len(inputs) + 2) * SLOT_HEIGHT]},
        "outputNode": {"id": OUTPUT_NODE, "bounding": [right, middle, END_WIDTH, 3 * SLOT_HEIGHT]},
        "inputs": inputs,
        "outputs": [_make_slot(blueprint, "out", output["name"], output["type"], [last], at)],
        "widgets": [],
        "nodes": list(nodes.values()),
        "groups": [],
        "links": links,
        "extra": {},
    }


def _make_host(blueprint: Blueprint, inside: Inside, subgraph: Json) -> Json:
    """Return the subgraph node, with a size of 0: the size is set later, when ComfyUI's page has measured it.

    Args:
        blueprint: the name and the texts of the blueprint.
        inside: the nodes of the example workflow that go into the subgraph.
        subgraph: the definition of the subgraph, with its inputs and outputs.
    """
    named = _find_named(inside)
    values = [inside.prompt[node]["inputs"][name] for node, name in inside.widgets.values()]
    face = [
        {"name": slot["name"], "type": slot["type"]}
        | ({"widget": {"name": slot["name"]}} if slot["name"] in inside.widgets else {})
        | {"link": None}
        for slot in subgraph["inputs"]
    ]
    preview = {"name": PREVIEW, "sourceNodeId": inside.picture[0], "sourcePreviewName": PREVIEW}
    return {
        "id": HOST_ID,
        "type": subgraph["id"],
        "pos": [0, 0],
        "size": [0, 0],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": face,
        "outputs": [{"name": slot["name"], "type": slot["type"], "links": None} for slot in subgraph["outputs"]],
        "title": blueprint.name,
        "properties": {
            "previewExposures": [preview],
            **({"proxyWidgets": [list(place) for place in named.values()]} if named else {}),
        },
        # If widgets are in `proxyWidgets`, versions of the page differ in which widget gets which of these values. If
        # there are no values here, all widgets have the values of the nodes in the subgraph.
        "widgets_values": [] if named else values,
    }


def _find_named(inside: Inside) -> dict[str, Place]:
    """Return, by label, the widgets that cannot be linked to an input of the subgraph.

    These are the widgets of nodes in the subgraph that have two or more links in a growing input (an Autogrow). The
    subgraph node names them in its property `proxyWidgets`.

    Returns:
        For each widget, the id of its node and the name of its input.

    Raises:
        ValueError: the label of such a widget differs from the name of its input. The page would show the name of the
            input instead of the label.
    """
    named = {}
    for label, (node, name) in inside.widgets.items():
        groups = [key.rpartition(".")[0] for key, value in inside.prompt[node]["inputs"].items() if is_link(value)]
        if any(group and groups.count(group) > 1 for group in groups):
            if label != name:
                raise ValueError(f"the page shows {name} of node {node} by its own name; call it that, not '{label}'")
            named[label] = (node, name)
    return named


def _tidy(node: Json, box: Box, numbers: Mapping[int, int]) -> Json:
    """Return a node as it goes into the file: without empty slots of growing inputs, and without localized names.

    Args:
        node: the node as the page wrote it.
        box: the position and size that the node gets.
        numbers: the new number of each link, by its number on the page.
    """
    tidied = copy.deepcopy(node) | {"pos": [box.x, box.y], "size": [box.width, box.height]}
    tidied["inputs"] = _drop_empty_slots(tidied.get("inputs", []))
    for slot in [*tidied["inputs"], *tidied.get("outputs", [])]:
        slot.pop("localized_name", None)
        if slot.get("link"):
            slot["link"] = numbers[slot["link"]]
        if slot.get("links"):
            slot["links"] = [numbers[link] for link in slot["links"]]
    return tidied


def _drop_empty_slots(slots: Sequence[Json]) -> list[Json]:
    """Return the input slots of a node without the empty slots of growing inputs (Autogrow).

    The first slot of a growing input is always kept. An empty slot between connected slots would make newer pages lose
    links. The page itself adds an empty slot after the connected slots.
    """
    seen, kept = set(), []
    for slot in slots:
        group, dot, _ = slot["name"].rpartition(".")
        grows = bool(dot) and "widget" not in slot
        if not grows or group not in seen or slot["link"] is not None:
            kept.append(slot)
        if grows:
            seen.add(group)
    return kept


def _connect_input(nodes: Mapping[str, Json], links: list[Json], number: int, places: Sequence[Place]) -> list[int]:
    """Link one input of the subgraph to inputs of nodes in the subgraph.

    Args:
        nodes: the nodes in the subgraph, by id; the links are entered into their inputs.
        links: the links in the subgraph, to which the new links are added.
        number: the index of the input among the inputs of the subgraph, from 0.
        places: the inputs to which it is linked, each as the id of a node and the name of an input of this node.

    Returns:
        The numbers of the new links.
    """
    added = []
    for node, name in places:
        slot = [given["name"] for given in nodes[node]["inputs"]].index(name)
        given = nodes[node]["inputs"][slot]
        given["link"] = _add_link(links, (INPUT_NODE, number), (int(node), slot), given["type"])
        added.append(given["link"])
    return added


def _add_link(links: list[Json], origin: tuple[int, int], target: tuple[int, int], kind: str) -> int:
    number = max((link["id"] for link in links), default=0) + 1
    ends = {"origin_id": origin[0], "origin_slot": origin[1], "target_id": target[0], "target_slot": target[1]}
    links.append({"id": number, **ends, "type": kind})
    return number


def _make_slot(
    blueprint: Blueprint, side: str, label: str, kind: str, links: Sequence[int], at: Sequence[int]
) -> dict[str, Any]:
    slot_id = _make_id(blueprint, f"{side}/{label}")
    return {"id": slot_id, "name": label, "type": kind, "linkIds": list(links), "pos": list(at)}


def _make_id(blueprint: Blueprint, part: str) -> str:
    """Return an identifier of a part of a blueprint; the identifier is the same each time the blueprint is made."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACK_NAME}/subgraphs/{blueprint.name}/{part}"))
