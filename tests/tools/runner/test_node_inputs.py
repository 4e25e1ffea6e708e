"""The inputs of a node: defaults, conversion of values, and values that are set from text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from runner.node_classes import get_node_class, load_pack
from runner.node_inputs import fill_defaults, list_input_names, list_inputs, set_input
from runner.workflow_graph import Node

Run = Callable[..., Any]
SHOW = {"9": ("PreviewAny", {"source": ["1", 0]})}


@pytest.fixture
def optimizer(pack: Path) -> Node:
    load_pack(pack)
    return Node("1", "TOY_Optimizer", "", {"optimizer": "adam", "optimizer.warmup": 5})


def test_only_the_inputs_of_the_chosen_option_are_taken_but_all_are_known_with_all_slots(optimizer: Node) -> None:
    node_class = get_node_class(optimizer)
    assert list(list_inputs(node_class, optimizer.inputs)) == ["optimizer", "optimizer.warmup", "optimizer.decay"]
    assert list(list_inputs(node_class, {"optimizer": "ascent"})) == ["optimizer", "optimizer.step_size"]
    assert list(list_inputs(node_class, {"optimizer": "no such"})) == ["optimizer"]
    assert list_input_names(node_class) == {f"optimizer{name}" for name in ("", ".step_size", ".warmup", ".decay")}
    mix = get_node_class(Node("1", "TOY_Mix", "", {}))
    assert list_input_names(mix) == {f"images.image{number}" for number in range(4)}


def test_a_new_option_drops_the_inputs_of_the_old_one_and_brings_its_defaults(optimizer: Node) -> None:
    changed = set_input(optimizer, "optimizer", "ascent")
    assert changed.inputs == {"optimizer": "ascent"}
    assert fill_defaults(changed).inputs == {"optimizer": "ascent", "optimizer.step_size": 0.5}
    assert optimizer.inputs == {"optimizer": "adam", "optimizer.warmup": 5}


@each_case(
    ("inputs", "text"),
    [
        ({}, "optimizer='ascent', step_size=0.5"),
        ({"optimizer": "adam"}, "decay='none', optimizer='adam', warmup=3"),
        ({"optimizer": "ascent", "optimizer.step_size": "1"}, "optimizer='ascent', step_size=1.0"),
        (
            {"optimizer": "adam", "optimizer.warmup": 2.9, "optimizer.step_size": 9},
            "decay='none', optimizer='adam', warmup=2",
        ),
    ],
)
def test_defaults_fill_gaps_values_are_converted_and_other_options_ignored(
    run: Run, inputs: dict[str, Any], text: str
) -> None:
    result = run({"1": ("TOY_Optimizer", inputs)} | SHOW)
    assert (result.out, result.err, result.code) == (f"Preview as Text: {text}\n", "", 0)


@each_case(
    ("setting", "text"),
    [
        ("1.optimizer.step_size=2", "optimizer='ascent', step_size=2.0"),
        ("TOY_Optimizer.optimizer=adam", "decay='none', optimizer='adam', warmup=3"),
        ("My optimizer v1.0.optimizer=adam", "decay='none', optimizer='adam', warmup=3"),
    ],
)
def test_set_changes_a_widget(run: Run, setting: str, text: str) -> None:
    nodes = {"1": ("TOY_Optimizer", {"optimizer": "ascent", "optimizer.step_size": 1}, "My optimizer v1.0")} | SHOW
    assert run(nodes, "--set", setting).out == f"Preview as Text: {text}\n"


@each_case(
    ("setting", "message"),
    [
        ("1.size", "--set 1.size: no value; the form is NODE.INPUT=VALUE"),
        ("size=3", "'size' names no input; the form is NODE.INPUT=VALUE"),
        ("TOY_Colour.size=3", "no node 'TOY_Colour' in the workflow; nearest: TOY_Color"),
        ("1.sise=3", "node 1 (TOY_Color): no input 'sise'; nearest: size"),
        ("1.size=three", "node 1 (TOY_Color): size = 'three' cannot be read as INT from 2 to 16"),
        ("1.size=1.5", "node 1 (TOY_Color): size = '1.5' cannot be read as INT from 2 to 16"),
        ("1.size=99", "node 1 (TOY_Color): size = 99 is above the maximum 16"),
        ("1.invert=maybe", "node 1 (TOY_Color): invert = 'maybe' is not true or false"),
        ("9.source=3", "node 9 (PreviewAny): source is a socket for *; only widgets can be set"),
        ("1.zzz=3", "node 1 (TOY_Color): no input 'zzz'; there are: batch, invert, level, size"),
        ("3.warmup=3", "node 3 (TOY_Optimizer): no input 'warmup'; nearest: optimizer.warmup"),
        ("3.optimizer.warmup=3", "optimizer.warmup is an input only with optimizer=adam; set that too"),
        ("3.optimizer=sgd", "node 3 (TOY_Optimizer): optimizer = 'sgd' is not one of ascent, adam"),
    ],
)
def test_a_wrong_set_is_refused(run: Run, setting: str, message: str) -> None:
    result = run({"1": ("TOY_Color", {}), "3": ("TOY_Optimizer", {})} | SHOW, "--set", setting)
    assert result.code == 2
    assert message in result.err


def test_set_reads_booleans_as_words_and_keeps_equals_signs(run: Run) -> None:
    nodes = {"1": ("TOY_Color", {}), "2": ("SaveImage", {"images": ["1", 0]})}
    result = run(nodes, "--set", "1.invert=no", "--set", "2.filename_prefix=a=b")
    assert result.files == ["output/a=b_00001_.png"]
    assert (result.pixels() == 127).all()
