"""Preparation and execution: which nodes run, what is kept, and how a run ends and shows its progress."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.core_nodes import register_core_nodes
from runner.kept_outputs import KeptOutputs
from runner.node_classes import load_pack
from runner.runtime_setup import set_folders
from runner.workflow_execution import execute_workflow, prepare_workflow
from runner.workflow_graph import Workflow, parse_workflow

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}
SHOW = {"9": ("PreviewAny", {"source": ["1", 0]})}


def test_a_workflow_without_output_nodes_is_refused_and_what_no_output_needs_is_neither_checked_nor_run(
    run: Run,
) -> None:
    assert "has no output node" in run({"1": ("TOY_Color", {})}).err
    result = run({"1": ("TOY_Facts", {}), "2": ("TOY_Color", {"size": 99}), "3": ("TOY_Mix", {})} | SHOW)
    assert (result.code, result.err) == (0, "")


def test_only_the_named_output_nodes_run(run: Run) -> None:
    nodes = {
        "1": ("TOY_Facts", {}),
        "2": ("PreviewAny", {"source": ["1", 1]}, "Wanted"),
        "3": ("PreviewAny", {"source": ["1", 0]}, "Other"),
        "4": ("TOY_Color", {"size": 99}),
        "5": ("SaveImage", {"images": ["4", 0]}),
    }
    result = run(nodes, "--only", "Wanted")
    assert (result.code, result.out, result.err) == (0, "Wanted: 7\n", "")
    refused = run(nodes, "--only", "1")
    assert refused.err == "run_workflow: node 1 (TOY_Facts) is no output node, which is what can be run by itself\n"


def test_any_other_error_of_a_node_is_raised_with_a_note_on_the_node(run: Run) -> None:
    with pytest.raises(RuntimeError, match="broken node") as caught:
        run({"3": ("TOY_Fail", {"kind": "runtime"})})
    assert caught.value.__notes__ == ["This was node 3 (TOY_Fail)."]


def test_an_interrupt_before_a_node_begins_ends_the_run_and_removes_the_bar(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    comfy.model_management.interrupt_current_processing()
    result = run(COLOR | SHOW)
    assert (result.code, result.out) == (130, "")
    *_, bar, removed, last = result.err.split("\r")
    assert bar.startswith("Plain Color:   0%")
    assert removed.isspace()
    assert last == "run_workflow: interrupted\n"


def test_a_terminal_sees_one_bar_for_each_node_and_none_of_the_nodes_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.utils

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    seen: list[bool] = []
    original = comfy.utils.ProgressBar.update_absolute

    def update(*arguments: Any) -> None:
        seen.append(comfy.utils.PROGRESS_BAR_ENABLED)
        original(*arguments)

    monkeypatch.setattr(comfy.utils.ProgressBar, "update_absolute", update)
    result = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0]}, "The result")} | SHOW)
    assert set(seen) == {False}
    assert comfy.utils.PROGRESS_BAR_ENABLED
    bars = [line.rpartition("\r")[2] for line in result.err.split("\n")]
    assert bars[0].startswith("Plain Color: 100%")
    assert "4/4" in bars[0]
    assert bars[1].startswith("The result: 100%")


def test_a_log_gets_lines_in_place_of_a_bar(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.workflow_execution.LINE_SECONDS", 0.0)
    lines = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0]}, "The result")}).err.splitlines()
    assert re.fullmatch(r"Plain Color: 1 of 4, 00:0\d passed, 00:0\d left", lines[0])
    # The node is done when the last step is: that needs no line.
    assert all(line.startswith("Plain Color: ") and "4 of 4" not in line for line in lines)


def build(level: float = 0.5) -> Workflow:
    nodes: dict[str, Any] = {
        "1": {"class_type": "TOY_Color", "inputs": {"size": 4, "level": level}},
        "2": {"class_type": "TOY_Mix", "inputs": {"images.image0": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
    return prepare_workflow(parse_workflow(nodes, "here"))


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
