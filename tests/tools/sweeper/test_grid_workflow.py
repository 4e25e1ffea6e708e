"""A workflow with settings applied: what changes, what is refused, and the hash of it."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cases import each_case
from runner.core_nodes import register_core_nodes
from runner.node_classes import load_pack
from runner.runtime_setup import set_folders
from runner.workflow_graph import parse_workflow
from sweeper.errors import SweepError
from sweeper.grid_workflow import GridWorkflow

NODES: dict[str, Any] = {
    "1": {"class_type": "TOY_Color", "inputs": {"size": 8}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    "3": {"class_type": "TOY_Optimizer", "inputs": {"optimizer": "ascent", "optimizer.step_size": 1.0}},
    "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
}


@pytest.fixture(autouse=True)
def registered(pack: Path, tmp_path: Path) -> None:
    set_folders(tmp_path, tmp_path, tmp_path)
    register_core_nodes(tmp_path)
    load_pack(pack)


def make(nodes: dict[str, Any] = NODES, **settings: Any) -> GridWorkflow:
    return GridWorkflow(parse_workflow(nodes, "here"), **settings)


def test_settings_are_applied_an_option_before_what_it_brings_and_defaults_filled_in() -> None:
    built = make(settings={"1.batch": 2, "1.level": 0.1}).build({"TOY_Color.level": 1})
    assert dict(built["1"].inputs) == {"size": 8, "batch": 2, "level": 1.0, "invert": False}
    assert list(built) == ["1", "2", "3", "4"]
    built = make().build({"3.optimizer.warmup": 7, "3.optimizer": "adam"})
    assert dict(built["3"].inputs) == {"optimizer": "adam", "optimizer.warmup": 7, "optimizer.decay": "none"}


def test_a_value_in_place_of_a_link_leaves_out_what_was_linked() -> None:
    nodes = {"1": NODES["1"], "2": NODES["2"], "5": {"class_type": "PreviewAny", "inputs": {"source": "text"}}}
    nodes |= {
        "6": {"class_type": "TOY_Color", "inputs": {"size": ["7", 1]}},
        "7": {"class_type": "TOY_Facts", "inputs": {}},
    }
    nodes |= {"8": {"class_type": "SaveImage", "inputs": {"images": ["6", 0]}}}
    assert "7" in make(nodes).build({})
    assert "7" not in make(nodes).build({"6.size": 4})


@each_case(
    ("settings", "problems"),
    [
        ({"TOY_Colour.size": 4}, ["no node 'TOY_Colour' in the workflow; nearest: TOY_Color"]),
        ({"size": 4}, ["'size' names no input; the form is NODE.INPUT=VALUE"]),
        ({"1.sise": 4}, ["node 1 (TOY_Color): no input 'sise'; nearest: size"]),
        ({"1.size": 1}, ["node 1 (TOY_Color): size = 1 is below the minimum 2; it takes INT from 2 to 16"]),
        ({"1.size": "big"}, ["node 1 (TOY_Color): size = 'big' cannot be read as INT from 2 to 16"]),
        ({"2.images": 3}, ["node 2 (SaveImage): images is a socket for IMAGE; only widgets can be set"]),
        ({"3.optimizer": "sgd"}, ["node 3 (TOY_Optimizer): optimizer = 'sgd' is not one of ascent, adam"]),
        (
            {"3.optimizer": True},
            [
                "node 3 (TOY_Optimizer): optimizer = True is not one of ascent, adam; YAML reads yes, no, on and off "
                "as true and false: write such a word in quotes"
            ],
        ),
        (
            {"1.size": 99, "3.optimizer.step_size": 5},
            [
                "node 1 (TOY_Color): size = 99 is above the maximum 16; it takes INT from 2 to 16",
                "node 3 (TOY_Optimizer): optimizer.step_size = 5.0 is above the maximum 2.0; "
                "it takes FLOAT from 0.0 to 2.0",
            ],
        ),
        (
            {"1.size": 99, "1.level": 2, "1.batch": 3},
            [
                "node 1 (TOY_Color): size = 99 is above the maximum 16; it takes INT from 2 to 16",
                "node 1 (TOY_Color): level = 2.0 is above the maximum 1.0; it takes FLOAT from 0.0 to 1.0",
            ],
        ),
        ({"1.size": 4, "TOY_Color.size": 5}, ["TOY_Color.size is set twice in one cell, by different names or axes"]),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(settings: dict[str, Any], problems: list[str]) -> None:
    with pytest.raises(SweepError) as caught:
        make().build(settings)
    assert list(caught.value.problems) == problems


def test_a_setting_that_no_output_needs_is_refused() -> None:
    with pytest.raises(SweepError, match=r"node 3 \(TOY_Optimizer\): optimizer changes nothing"):
        make(only=["2"]).build({"3.optimizer": "adam"})


@each_case(
    ("nodes", "only", "message"),
    [
        ({"1": NODES["1"]}, [], "the workflow has no output"),
        (NODES, ["1"], "node 1 (TOY_Color) has no output"),
        (NODES, ["Save"], "no node 'Save' in the workflow"),
    ],
)
def test_a_workflow_without_an_output_is_refused(nodes: dict[str, Any], only: list[str], message: str) -> None:
    with pytest.raises(SweepError) as caught:
        make(nodes, only=only)
    assert message in str(caught.value)


def test_the_hash_is_that_of_what_runs() -> None:
    workflow = make(only=["2"])
    plain = workflow.hash(workflow.build({}))
    assert workflow.hash(workflow.build({"1.level": 0.5})) == plain, "that is the default"
    assert workflow.hash(workflow.build({"1.level": 0.25})) != plain
    assert make(only=["4"]).hash(make(only=["4"]).build({})) != plain


def test_another_picture_of_the_same_name_is_another_cell(tmp_path: Path) -> None:
    nodes = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    }
    hashes = set()
    for level in (10, 20):
        Image.new("RGB", (4, 4), (level, 0, 0)).save(tmp_path / "photo.png")
        workflow = make(nodes)
        hashes.add(workflow.hash(workflow.build({})))
    assert len(hashes) == 2


def test_changes_are_the_nodes_that_are_not_as_exported() -> None:
    workflow = make()
    assert workflow.list_changes(workflow.build({})) == {}
    assert workflow.list_changes(workflow.build({"1.level": 1})) == {"1": {"size": 8, "level": 1.0}}
    changed = workflow.list_changes(workflow.build({"3.optimizer": "adam"}))
    assert changed == {"3": {"optimizer": "adam", "optimizer.warmup": 3, "optimizer.decay": "none"}}
