"""Workflows: reading, nodes, their order; what runs, what is kept, and how a run ends and shows its progress."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from runner.core_nodes import register_core_nodes
from runner.kept_outputs import KeptOutputs
from runner.node_classes import load_pack
from runner.runtime_setup import set_folders
from runner.workflow_execution import execute_workflow, prepare_workflow
from runner.workflow_graph import (
    Node,
    Workflow,
    WorkflowError,
    find_input,
    find_source,
    read_workflow,
    sort_nodes,
    suggest_names,
)


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
    *((link, r"node 2 \(B\): x = .* is no link") for link in (["1"], ["1", 0, 0], [], ["1", "0"])),
    *(([origin, 0], f"x is linked to node {origin}, which is not in the workflow") for origin in ("9", 1, None)),
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
    # A name of no node is answered with the nearest, and one of several with their ids.
    assert suggest_names("step", ["steps", "view", "optimizer"]) == "nearest: steps"
    assert suggest_names("zzz", ["b", "a"]) == "there are: a, b"
    assert suggest_names("zzz", []) == "there are none"
    with pytest.raises(WorkflowError, match="no node 'Lod' in the workflow; nearest: Load"):
        find_input(workflow, "Lod.x")
    with pytest.raises(WorkflowError, match="any of the nodes 5, 6"):
        find_input(workflow | {"6": Node("6", "Load", "", {})}, "Load.x")


@each_case(
    ("text", "message"),
    ("{", "not a JSON file"),
    ("{}", "holds no nodes"),
    (json.dumps({"nodes": [], "links": []}), r"Workflow > Export \(API\)"),
    (json.dumps({"1": {"inputs": {}}}), "node 1 has no class_type"),
    (json.dumps({"1": {"class_type": "A"}}), r"node 1 \(A\) has no inputs"),
)
def test_what_is_no_workflow_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(WorkflowError, match=message):
        read_workflow(tmp_path / "w.json")


Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}
SAVE = {"2": ("SaveImage", {"images": ["1", 0]}, "The result")}


def test_only_output_nodes_that_are_wanted_and_what_they_need_are_checked_and_run(run: Run) -> None:
    assert "has no output node" in run({"1": ("TOY_Color", {})}).err
    nodes = {
        "1": ("TOY_Facts", {}),
        "2": ("PreviewAny", {"source": ["1", 1]}, "Wanted"),
        "4": ("TOY_Color", {"size": 99}),
    }
    result = run(nodes)
    assert (result.code, result.out, result.err) == (0, "Wanted: 7\n", "")
    nodes |= {"3": ("PreviewAny", {"source": ["1", 0]}, "Other"), "5": ("SaveImage", {"images": ["4", 0]})}
    result = run(nodes, "--only", "Wanted")
    assert (result.code, result.out, result.err) == (0, "Wanted: 7\n", "")
    refused = run(nodes, "--only", "1")
    assert refused.err == "run_workflow: node 1 (TOY_Facts) is no output node, which is what can be run by itself\n"


def test_any_other_error_of_a_node_is_raised_with_a_note_on_the_node(run: Run) -> None:
    with pytest.raises(RuntimeError, match="broken node") as caught:
        run({"3": ("TOY_Fail", {"kind": "runtime"})})
    assert caught.value.__notes__ == ["This was node 3 (TOY_Fail)."]


def test_a_terminal_sees_one_bar_for_each_node_which_an_early_interrupt_removes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management
    import comfy.utils

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    seen: list[bool] = []
    update = comfy.utils.ProgressBar.update_absolute

    def note(*arguments: Any) -> None:
        seen.append(comfy.utils.PROGRESS_BAR_ENABLED)
        update(*arguments)

    monkeypatch.setattr(comfy.utils.ProgressBar, "update_absolute", note)
    result = run(COLOR | SAVE)
    assert set(seen) == {False}
    assert comfy.utils.PROGRESS_BAR_ENABLED
    bars = [line.rpartition("\r")[2] for line in result.err.split("\n")]
    assert bars[0].startswith("Plain Color: 100%")
    assert "4/4" in bars[0]
    assert bars[1].startswith("The result: 100%")
    comfy.model_management.interrupt_current_processing()
    result = run(COLOR | SAVE)
    assert (result.code, result.out) == (130, "")
    *_, bar, removed, last = result.err.split("\r")
    assert bar.startswith("Plain Color:   0%")
    assert removed.isspace()
    assert last == "run_workflow: interrupted\n"


def test_a_log_gets_lines_in_place_of_a_bar(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.workflow_execution.LINE_SECONDS", 0.0)
    lines = run(COLOR | SAVE).err.splitlines()
    assert re.fullmatch(r"Plain Color: 1 of 4, 00:0\d passed, 00:0\d left", lines[0])
    # The node is done when the last step is: that needs no line.
    assert all(line.startswith("Plain Color: ") and "4 of 4" not in line for line in lines)


def build(level: float = 0.5) -> Workflow:
    save, mix = Node("3", "SaveImage", "", {"images": ["2", 0]}), Node("2", "TOY_Mix", "", {"images.image0": ["1", 0]})
    return prepare_workflow({"1": Node("1", "TOY_Color", "", {"size": 4, "level": level}), "2": mix, "3": save})


def execute(workflow: Workflow, kept: KeptOutputs) -> list[str]:
    """Run a workflow, and return the nodes whose outputs were computed and not found."""
    before = {node.id for node in workflow.values() if kept.find(node, workflow) is not None}
    list(execute_workflow(workflow, kept))
    return [node.id for node in workflow.values() if node.id not in before]


def test_kept_nodes_without_links_run_once_and_on_demand_all_but_output_nodes(pack: Path, tmp_path: Path) -> None:
    set_folders(tmp_path, tmp_path, tmp_path)
    register_core_nodes(tmp_path)
    load_pack(pack)
    kept = KeptOutputs()
    assert execute(build(), kept) == ["1", "2", "3"]
    assert execute(build(), kept) == ["2", "3"]
    assert execute(build(0.25), kept) == ["1", "2", "3"]
    first, second, third = (path.read_bytes() for path in sorted(tmp_path.glob("*.png")))
    assert first == second != third
    kept = KeptOutputs(is_kept=lambda node: True)
    execute(build(), kept)
    assert execute(build(), kept) == ["3"]
    assert execute(build(0.25), kept) == ["1", "2", "3"]
    # The one that was not used for longest is dropped.
    kept = KeptOutputs(maximum=2)
    for level in (0.1, 0.2, 0.1, 0.3):
        execute(build(level), kept)
    known = [level for level in (0.1, 0.2, 0.3) if kept.find(build(level)["1"], build(level)) is not None]
    assert known == [0.1, 0.3]
