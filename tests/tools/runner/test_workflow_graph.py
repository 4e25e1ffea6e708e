"""The graph of a workflow file: reading, finding nodes, following links."""

import json
from pathlib import Path

import pytest

from cases import each_case
from runner.workflow_graph import Node, WorkflowError, find_input, find_source, read_workflow, sort_nodes, suggest_names


def graph(**links: list[str]) -> dict[str, Node]:
    """Nodes that are linked to the nodes listed."""
    return {
        name: Node(name, "Class", "", {f"input{i}": [origin, 0] for i, origin in enumerate(origins)})
        for name, origins in links.items()
    }


def test_nodes_run_after_what_they_need_and_only_what_is_needed_runs() -> None:
    workflow = graph(save=["optimize"], unused=["model"], optimize=["stack", "model"], stack=[], model=[])
    assert sort_nodes(workflow, ["save"]) == ["stack", "model", "optimize", "save"]
    # One branch is finished before the next begins.
    workflow = graph(a=[], b=[], a2=["a"], b2=["b"], a3=["a2"], b3=["b2"])
    assert sort_nodes(workflow, ["a3", "b3"]) == ["a", "a2", "a3", "b", "b2", "b3"]
    # A long chain does not exhaust the stack.
    workflow = graph(**{"0": []} | {str(number): [str(number - 1)] for number in range(1, 3000)})
    assert sort_nodes(workflow, ["2999"]) == [str(number) for number in range(3000)]
    with pytest.raises(WorkflowError, match=r"nodes (a -> b -> a|b -> a -> b) run in a circle"):
        sort_nodes(graph(a=["b"], b=["a"], save=["b"]), ["save"])


@each_case(
    ("link", "message"),
    [
        *((link, r"node 2 \(B\): x = .* is no link") for link in (["1"], ["1", 0, 0], [], ["1", "0"])),
        *(([origin, 0], f"x is linked to node {origin}, which is not in the workflow") for origin in ("9", 1, None)),
    ],
)
def test_a_list_that_is_no_link_or_leads_to_no_node_is_refused(link: list[object], message: str) -> None:
    workflow = {"1": Node("1", "A", "", {}), "2": Node("2", "B", "", {"x": link})}
    with pytest.raises(WorkflowError, match=message):
        find_source(workflow, workflow["2"], "x")


def test_a_node_is_found_by_id_class_or_title_even_with_dots() -> None:
    workflow = {"5": Node("5", "Load", "v1.5 model", {}), "7:2": Node("7:2", "Save", "5", {})}
    for name in ("5", "Load", "v1.5 model"):
        assert find_input(workflow, f"{name}.source.file") == (workflow["5"], "source.file")
    assert find_input(workflow, "7:2.x") == (workflow["7:2"], "x")


def test_a_name_of_no_node_is_answered_with_the_nearest_and_one_of_several_with_their_ids() -> None:
    assert suggest_names("step", ["steps", "view", "optimizer"]) == "nearest: steps"
    assert suggest_names("zzz", ["b", "a"]) == "there are: a, b"
    assert suggest_names("zzz", []) == "there are none"
    with pytest.raises(WorkflowError, match="no node 'Lod' in the workflow; nearest: Load"):
        find_input({"1": Node("1", "Load", "", {})}, "Lod.x")
    workflow = {name: Node(name, "Load", "", {}) for name in ("3", "4")}
    with pytest.raises(WorkflowError, match="any of the nodes 3, 4"):
        find_input(workflow, "Load.x")


@each_case(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "not a JSON file"),
        ("{}", "holds no nodes"),
        (json.dumps({"nodes": [], "links": []}), r"Workflow > Export \(API\)"),
        (json.dumps({"1": {"inputs": {}}}), "node 1 has no class_type"),
        (json.dumps({"1": {"class_type": "A"}}), r"node 1 \(A\) has no inputs"),
    ],
)
def test_what_is_no_workflow_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "w.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WorkflowError, match=message):
        read_workflow(path)
