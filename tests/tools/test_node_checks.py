"""What ComfyUI would refuse is refused in one line, and values are converted as ComfyUI converts them."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
SHOW = {"9": ("PreviewAny", {"source": ["1", 0]})}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"1": ("TOY_Colour", {})}, "node 1 (TOY_Colour): no such node class here; nearest: TOY_Color"),
        (
            {"1": ("TOY_Color", {"size": 1})},
            "node 1 (TOY_Color): size = 1 is below the minimum 2; it takes INT from 2 to 16",
        ),
        (
            {"1": ("TOY_Color", {"level": 1.5})},
            "node 1 (TOY_Color): level = 1.5 is above the maximum 1.0; it takes FLOAT",
        ),
        ({"1": ("TOY_Color", {"size": "big"})}, "node 1 (TOY_Color): size = 'big' cannot be read as INT from 2 to 16"),
        ({"1": ("TOY_Color", {"size": None})}, "node 1 (TOY_Color): size = None cannot be read as INT from 2 to 16"),
        ({"1": ("TOY_Color", {"sizes": 3})}, "node 1 (TOY_Color): no input 'sizes'; nearest: size"),
        ({"1": ("TOY_Color", {"size": [3, 4, 5]})}, "node 1 (TOY_Color): size = [3, 4, 5] is no link"),
        ({"1": ("TOY_Color", {"size": ["7", 0]})}, "node 1 (TOY_Color): size is linked to node 7, which is not in"),
        (
            {"1": ("TOY_Color", {"size": ["2", 2]}), "2": ("TOY_Facts", {})},
            "output 2 of node 2 (TOY_Facts), which has 2",
        ),
        (
            {"1": ("TOY_Color", {"size": ["2", 0]}), "2": ("TOY_Facts", {})},
            "node 1 (TOY_Color): size takes INT from 2 to 16, but output 0 of node 2 (TOY_Facts) is STRING",
        ),
        ({"1": ("TOY_Mix", {})}, "node 1 (TOY_Mix): images.image0 is missing; it takes IMAGE"),
        (
            {"1": ("TOY_Mix", {"images.image0": ["2", 0], "images.image4": ["2", 0]}), "2": ("TOY_Color", {})},
            "node 1 (TOY_Mix): no input 'images.image4'; nearest: images.image",
        ),
        (
            {"1": ("TOY_Optimizer", {"optimizer": "sgd"})},
            "node 1 (TOY_Optimizer): optimizer = 'sgd' is not one of ascent, adam",
        ),
        (
            {"1": ("TOY_Optimizer", {"optimizer": "adam", "optimizer.decay": "linear"})},
            "node 1 (TOY_Optimizer): optimizer.decay = 'linear' is not one of none, cosine",
        ),
        ({"1": ("TOY_Optimizer", {"optimizer.step": 1})}, "no input 'optimizer.step'; nearest: optimizer.step_size"),
        ({"1": ("TOY_Color", {"size": ["1", 0]})}, "circle"),
    ],
)
def test_bad_input_is_one_line_that_says_what_is_allowed(run: Run, nodes: dict[str, Any], message: str) -> None:
    result = run(nodes | SHOW)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith("run_workflow: ")
    assert message in result.err


def test_a_class_that_checks_an_input_itself_is_asked(run: Run) -> None:
    result = run({"1": ("TOY_Fail", {"kind": "forbidden"})})
    assert (result.code, result.err) == (2, "run_workflow: node 1 (TOY_Fail): kind = 'forbidden': not today\n")


def test_a_workflow_without_output_nodes_is_refused(run: Run) -> None:
    assert "has no output node" in run({"1": ("TOY_Color", {})}).err


def test_what_no_output_needs_is_neither_checked_nor_run(run: Run) -> None:
    result = run({"1": ("TOY_Facts", {}), "2": ("TOY_Color", {"size": 99}), "3": ("TOY_Mix", {})} | SHOW)
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


def test_set_chooses_an_option_before_it_sets_what_the_option_brings(run: Run) -> None:
    nodes = {"1": ("TOY_Optimizer", {"optimizer": "ascent", "optimizer.step_size": 1})} | SHOW
    result = run(nodes, "--set", "1.optimizer.decay=cosine", "--set", "1.optimizer=adam")
    assert result.out == "Preview as Text: decay='cosine', optimizer='adam', warmup=3\n"


def test_set_reads_booleans_as_words_and_keeps_equals_signs(run: Run) -> None:
    nodes = {"1": ("TOY_Color", {}), "2": ("SaveImage", {"images": ["1", 0]})}
    result = run(nodes, "--set", "1.invert=no", "--set", "2.filename_prefix=a=b")
    assert result.files == ["output/a=b_00001_.png"]


@pytest.mark.parametrize(
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
        ("3.optimizer=sgd", "node 3 (TOY_Optimizer): optimizer = 'sgd' is not one of ascent, adam"),
    ],
)
def test_a_wrong_set_is_refused(run: Run, setting: str, message: str) -> None:
    result = run({"1": ("TOY_Color", {}), "3": ("TOY_Optimizer", {})} | SHOW, "--set", setting)
    assert result.code == 2
    assert message in result.err
