"""Outputs that later runs use again: the same pictures, and a model is loaded once."""

from pathlib import Path
from typing import Any

import pytest

from runner.core_nodes import register_core_nodes
from runner.kept_outputs import KeptOutputs, has_no_links, make_key
from runner.node_classes import load_pack
from runner.runtime_setup import set_folders
from runner.workflow_execution import execute_workflow, prepare_workflow
from runner.workflow_graph import Node, Workflow, parse_workflow


@pytest.fixture(autouse=True)
def registered(pack: Path, tmp_path: Path) -> None:
    set_folders(tmp_path, tmp_path, tmp_path)
    register_core_nodes(tmp_path)
    load_pack(pack)


def build(level: float = 0.5) -> Workflow:
    nodes: dict[str, Any] = {
        "1": {"class_type": "TOY_Color", "inputs": {"size": 4, "level": level}},
        "2": {"class_type": "TOY_Mix", "inputs": {"images.image0": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
    return prepare_workflow(parse_workflow(nodes, "here"))


def execute(workflow: Workflow, kept: KeptOutputs) -> list[str]:
    """The titles of the nodes whose outputs were computed and not found."""
    before = {node.id for node in workflow.values() if kept.find(node, workflow) is not None}
    list(execute_workflow(workflow, kept))
    return [node.id for node in workflow.values() if node.id not in before]


def test_nodes_without_links_run_once_and_on_demand_all_but_output_nodes(tmp_path: Path) -> None:
    kept = KeptOutputs()
    assert execute(build(), kept) == ["1", "2", "3"]
    assert execute(build(), kept) == ["2", "3"]
    assert execute(build(0.25), kept) == ["1", "2", "3"]
    first, second, third = (path.read_bytes() for path in sorted(tmp_path.glob("*.png")))
    assert first == second != third
    kept = KeptOutputs(is_kept=lambda node: True)
    execute(build(), kept)
    assert execute(build(), kept) == ["3"]


def test_the_one_that_was_not_used_for_longest_is_dropped() -> None:
    kept = KeptOutputs(maximum=2)
    for level in (0.1, 0.2, 0.1, 0.3):
        execute(build(level), kept)
    known = [level for level in (0.1, 0.2, 0.3) if kept.find(build(level)["1"], build(level)) is not None]
    assert known == [0.1, 0.3]


def test_a_key_holds_what_a_node_depends_on() -> None:
    one, two, other = build(), build(), build(0.25)
    assert make_key(one["2"], one) == make_key(two["2"], two)
    assert make_key(one["2"], one) != make_key(other["2"], other)
    assert has_no_links(one["1"])
    assert not has_no_links(one["2"])
    assert make_key(Node("9", "TOY_Facts", "", {}), one) != make_key(Node("9", "TOY_Lists", "", {}), one)
