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


def test_one_branch_is_finished_before_the_next_begins() -> None:
    workflow = graph(a=[], b=[], a2=["a"], b2=["b"], a3=["a2"], b3=["b2"])
    assert sort_nodes(workflow, ["a3", "b3"]) == ["a", "a2", "a3", "b", "b2", "b3"]


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    chain = {"0": []} | {str(i): [str(i - 1)] for i in range(1, 3000)}
    assert sort_nodes(graph(**chain), ["2999"]) == [str(i) for i in range(3000)]


def test_a_circle_is_named() -> None:
    with pytest.raises(WorkflowError, match=r"nodes (a -> b -> a|b -> a -> b) run in a circle"):
        sort_nodes(graph(a=["b"], b=["a"], save=["b"]), ["save"])


@each_case("link", [["1"], ["1", 0, 0], [], ["1", "0"], ["1", 0.0]])
def test_a_list_that_is_no_link_is_refused(link: list[object]) -> None:
    workflow = {"1": Node("1", "A", "", {}), "2": Node("2", "B", "", {"x": link})}
    with pytest.raises(WorkflowError, match=r"node 2 \(B\): x = .* is no link"):
        find_source(workflow, workflow["2"], "x")


@each_case("origin", ["9", 1, None])
def test_a_link_to_a_node_that_is_not_there_is_refused(origin: object) -> None:
    workflow = {"1": Node("1", "A", "", {"x": [origin, 0]})}
    with pytest.raises(WorkflowError, match=f"x is linked to node {origin}, which is not in the workflow"):
        find_source(workflow, workflow["1"], "x")


def test_a_node_is_found_by_id_class_or_title_even_with_dots() -> None:
    workflow = {"5": Node("5", "Load", "v1.5 model", {}), "7:2": Node("7:2", "Save", "5", {})}
    for name in ("5", "Load", "v1.5 model"):
        assert find_input(workflow, f"{name}.source.file") == (workflow["5"], "source.file")
    assert find_input(workflow, "7:2.x") == (workflow["7:2"], "x")


def test_a_name_that_several_nodes_have_is_refused() -> None:
    workflow = {name: Node(name, "Load", "", {}) for name in ("3", "4")}
    with pytest.raises(WorkflowError, match="any of the nodes 3, 4"):
        find_input(workflow, "Load.x")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    assert suggest_names("step", ["steps", "view", "optimizer"]) == "nearest: steps"
    assert suggest_names("zzz", ["b", "a"]) == "there are: a, b"
    assert suggest_names("zzz", []) == "there are none"
    with pytest.raises(WorkflowError, match="no node 'Lod' in the workflow; nearest: Load"):
        find_input({"1": Node("1", "Load", "", {})}, "Lod.x")


@each_case(
    ("text", "message"),
    [
        ("{", "not a JSON file"),
        ("[]", "holds no nodes"),
        ("{}", "holds no nodes"),
        (json.dumps({"nodes": [], "links": []}), r"Workflow > Export \(API\)"),
        (json.dumps({"1": {"inputs": {}}}), "node 1 has no class_type"),
        (json.dumps({"1": 3}), "node 1 has no class_type"),
        (json.dumps({"1": {"class_type": "A"}}), r"node 1 \(A\) has no inputs"),
    ],
)
def test_what_is_no_workflow_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(WorkflowError, match=message):
        read_workflow(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match="No such file"):
        read_workflow(tmp_path / "w.json")
