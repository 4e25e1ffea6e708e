"""A blueprint as a file, without a page: slots, links and identifiers of a small one."""

import json
from typing import Any

import pytest

from generators.blueprint_file import INPUT_NODE, OUTPUT_NODE, make_blueprint
from generators.blueprint_inside import cut_out
from generators.blueprint_spec import Blueprint
from generators.example_layout import Box
from generators.prompt_widgets import is_link
from harness.events import Json
from small_blueprint import BLUEPRINT, PROMPT, node

TYPES = {"image": "IMAGE", "mask": "MASK", "stack": "DAS_STACK", "weight": "FLOAT", "size": "COMBO"}
SPARE = "objectives.objective9"
"""The slot that the page adds behind a connected one."""

SOCKETS = ("image", "mask", "stack", "objectives.objective0", "objectives.objective1", SPARE)


def as_the_page_writes_it(prompt: dict[str, Any]) -> Json:
    """Nodes and links in UI format, with every input in the order of the file, and the spare slot among them."""
    links, nodes = [], []
    for name, content in prompt.items():
        names = ["image", "mask", *content["inputs"]]
        if "objectives.objective0" in names:
            names.insert(names.index("objectives.objective0") + 1, SPARE)
        inputs = [
            {"name": key, "localized_name": key, "type": TYPES.get(key, "INT"), "link": None}
            | ({} if key in SOCKETS else {"widget": {"name": key}})
            for key in names
        ]
        outputs = [{"name": "out", "type": "IMAGE", "links": None}]
        nodes.append({"id": int(name), "type": content["class_type"], "inputs": inputs, "outputs": outputs})
    for made in nodes:
        for slot, given in enumerate(made["inputs"]):
            value = prompt[str(made["id"])]["inputs"].get(given["name"])
            if is_link(value):
                given["link"] = len(links) + 7
                links.append([given["link"], int(value[0]), value[1], made["id"], slot, given["type"]])
    return {"nodes": nodes, "links": links}


def make(prompt: dict[str, Any], blueprint: Blueprint = BLUEPRINT) -> tuple[Json, Json]:
    """The blueprint's file, and the subgraph in it."""
    inside = cut_out(prompt, blueprint)
    boxes = {name: Box(300 * number, 0, 270, 100) for number, name in enumerate(inside.prompt)}
    made = make_blueprint(blueprint, inside, as_the_page_writes_it(dict(inside.prompt)), boxes)
    (subgraph,) = made["definitions"]["subgraphs"]
    return made, subgraph


def test_the_subgraph_node_has_its_sockets_then_its_widgets_with_the_values_of_the_example() -> None:
    made, _ = make(PROMPT)
    (host,) = made["nodes"]
    assert [(slot["name"], slot["type"], "widget" in slot) for slot in host["inputs"]] == [
        ("image", "IMAGE", False),
        ("mask", "MASK", False),
        ("steps", "INT", True),
        ("width", "INT", True),
        ("weight", "FLOAT", True),
    ]
    assert host["widgets_values"] == [9, 64, 2.0]
    assert [(slot["name"], slot["type"]) for slot in host["outputs"]] == [("out", "IMAGE")]


def test_every_link_joins_slots_that_know_it() -> None:
    _, subgraph = make(PROMPT)
    nodes = {made["id"]: made for made in subgraph["nodes"]}
    assert [link["id"] for link in subgraph["links"]] == list(range(1, 1 + 2 + 3 + 3 + 1))
    for link in subgraph["links"]:
        if link["origin_id"] == INPUT_NODE:
            assert link["id"] in subgraph["inputs"][link["origin_slot"]]["linkIds"]
        if link["target_id"] == OUTPUT_NODE:
            assert subgraph["outputs"][link["target_slot"]]["linkIds"] == [link["id"]]
            assert link["id"] in nodes[link["origin_id"]]["outputs"][link["origin_slot"]]["links"]
        else:
            assert nodes[link["target_id"]]["inputs"][link["target_slot"]]["link"] == link["id"]
    assert subgraph["state"]["lastLinkId"] == max(link["id"] for link in subgraph["links"])


def test_the_grown_slots_stand_together_and_the_empty_one_is_left_out() -> None:
    prompt = PROMPT | {"7": node("DAS_ContentObjective", image=["1", 0])}
    objectives = {"objectives.objective0": ["3", 0], "objectives.objective1": ["7", 0]}
    prompt["4"] = node("DAS_Optimize", **objectives, steps=9)
    _, subgraph = make(prompt, Blueprint("Two", "two", {"steps": "DAS_Optimize.steps"}, {}, ""))
    (ascent,) = (made for made in subgraph["nodes"] if made["type"] == "DAS_Optimize")
    names = [slot["name"] for slot in ascent["inputs"]]
    assert names[-3:] == ["objectives.objective0", "objectives.objective1", "steps"]
    slots = {link["id"]: link["target_slot"] for link in subgraph["links"] if link["target_id"] == ascent["id"]}
    assert slots == {slot["link"]: number for number, slot in enumerate(ascent["inputs"]) if slot["link"]}


def test_a_widget_of_a_node_with_grown_slots_is_named_not_linked() -> None:
    prompt = PROMPT | {"7": node("DAS_ContentObjective", image=["1", 0])}
    objectives = {"objectives.objective0": ["3", 0], "objectives.objective1": ["7", 0]}
    prompt["4"] = node("DAS_Optimize", stack=["2", 0], **objectives, steps=9)
    widgets = {"width": "DAS_ImageStack.width", "steps": "DAS_Optimize.steps"}
    made, subgraph = make(prompt, Blueprint("Two", "two", widgets, {}, ""))
    (host,) = made["nodes"]
    assert host["properties"]["proxyWidgets"] == [["4", "steps"]]
    assert host["widgets_values"] == []
    assert [slot["name"] for slot in host["inputs"] if "widget" in slot] == ["width"]
    assert [slot["name"] for slot in subgraph["inputs"]][-1] == "width"
    with pytest.raises(ValueError, match="the page shows steps of node 4 by its own name"):
        make(prompt, Blueprint("Two", "two", {"length": "DAS_Optimize.steps"}, {}, ""))


def test_all_identifiers_differ_and_are_the_same_a_second_time() -> None:
    made, subgraph = make(PROMPT)
    ids = [made["id"], subgraph["id"], *(slot["id"] for slot in [*subgraph["inputs"], *subgraph["outputs"]])]
    assert len(set(ids)) == len(ids)
    assert json.dumps(make(PROMPT)[0]) == json.dumps(made)
