"""What is stored in the workflow of a saved picture."""

import copy
from typing import Any

from loaded_pack import Pack
from running_node import Running


def test_a_property_is_stored_in_the_running_node_of_the_workflow(pack: Pack, running: Running) -> None:
    store = pack.module("nodes.bridge.page").store_property
    inner: dict[str, Any] = {"id": "a-b", "nodes": [{"id": 5, "properties": {}}]}
    nodes = [{"id": 5, "properties": {}}, {"id": 7, "type": "a-b", "properties": {}}]
    workflow = {"nodes": nodes, "definitions": {"subgraphs": [inner]}}
    store({"workflow": workflow}, "das_acts", "top")
    running.node_id = "7:5"
    store({"workflow": workflow}, "das_acts", "inside")
    assert nodes[0]["properties"] == {"das_acts": "top"}
    assert inner["nodes"][0]["properties"] == {"das_acts": "inside"}
    before = copy.deepcopy(workflow)
    # Where there is no such node, or no workflow, nothing is stored.
    for node_id, content in (("7:9", workflow), ("5:5", workflow), ("5", {"nodes": "none"}), ("5", None)):
        running.node_id = node_id
        store({"workflow": content}, "das_acts", "lost")
    store(None, "das_acts", "lost")
    assert workflow == before
