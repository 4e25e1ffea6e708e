"""An input that ComfyUI would refuse is refused in one line, and a node is called as ComfyUI calls it."""

from collections.abc import Callable
from typing import Any

import pytest

from cases import each_case
from runner.node_calls import Call
from runner.workflow_graph import Node

Run = Callable[..., Any]
SHOW = {"9": ("PreviewAny", {"source": ["1", 0]})}


@each_case(
    ("nodes", "message"),
    [
        ({"1": ("TOY_Colour", {})}, "node 1 (TOY_Colour): no such node class here; nearest: TOY_Color"),
        ({"1": ("TOY_Color", {"size": 1})}, "size = 1 is below the minimum 2; it takes INT from 2 to 16"),
        ({"1": ("TOY_Color", {"level": 1.5})}, "level = 1.5 is above the maximum 1.0; it takes FLOAT"),
        ({"1": ("TOY_Color", {"size": "big"})}, "node 1 (TOY_Color): size = 'big' cannot be read as INT from 2 to 16"),
        ({"1": ("TOY_Color", {"size": None})}, "node 1 (TOY_Color): size = None cannot be read as INT from 2 to 16"),
        ({"1": ("TOY_Color", {"sizes": 3})}, "node 1 (TOY_Color): no input 'sizes'; nearest: size"),
        ({"1": ("TOY_Color", {"size": [3, 4, 5]})}, "node 1 (TOY_Color): size = [3, 4, 5] is no link"),
        ({"1": ("TOY_Color", {"size": ["7", 0]})}, "node 1 (TOY_Color): size is linked to node 7, which is not in"),
        ({"1": ("TOY_Color", {"size": ["2", 2]}), "2": ("TOY_Facts", {})}, "output 2 of node 2 (TOY_Facts), which has"),
        (
            {"1": ("TOY_Color", {"size": ["2", 0]}), "2": ("TOY_Facts", {})},
            "node 1 (TOY_Color): size takes INT from 2 to 16, but output 0 of node 2 (TOY_Facts) is STRING",
        ),
        ({"1": ("TOY_Mix", {})}, "node 1 (TOY_Mix): images.image0 is missing; it takes IMAGE"),
        (
            {"1": ("TOY_Mix", {"images.image0": ["2", 0], "images.image4": ["2", 0]}), "2": ("TOY_Color", {})},
            "node 1 (TOY_Mix): no input 'images.image4'; nearest: images.image",
        ),
        ({"1": ("TOY_Optimizer", {"optimizer": "sgd"})}, "optimizer = 'sgd' is not one of ascent, adam"),
        (
            {"1": ("TOY_Optimizer", {"optimizer": "adam", "optimizer.decay": "linear"})},
            "node 1 (TOY_Optimizer): optimizer.decay = 'linear' is not one of none, cosine",
        ),
        ({"1": ("TOY_Optimizer", {"optimizer.step": 1})}, "no input 'optimizer.step'; nearest: optimizer.step_size"),
        ({"1": ("TOY_Color", {"size": ["1", 0]})}, "circle"),
        ({"1": ("TOY_Fail", {"kind": "forbidden"})}, "node 1 (TOY_Fail): kind = 'forbidden': not today"),
    ],
)
def test_bad_input_is_one_line_that_says_what_is_allowed(run: Run, nodes: dict[str, Any], message: str) -> None:
    result = run(nodes if nodes["1"][0] == "TOY_Fail" else nodes | SHOW)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("run_workflow: ")
    assert message in result.err


class Adder:
    """An older node: it adds numbers and takes two hidden values."""

    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        number = ("INT", {})
        return {"required": {"a": number, "b": number}, "hidden": {"node": "UNIQUE_ID", "workflow": "PROMPT"}}

    def add(self, a: int, b: int, node: str, workflow: dict[str, Any]) -> tuple[int, str, str]:
        return a + b, node, workflow[node]["class_type"]

    def multiply(self, a: int, b: int) -> int:
        return a * b


def test_hidden_values_go_to_the_main_function_of_an_older_node_only() -> None:
    node = Node("7", "Adder", "", {})
    call = Call(node, Adder, {"7": node})
    assert call("add", {"a": 1, "b": 2}) == (3, "7", "Adder")
    assert call("multiply", {"a": 2, "b": 3}) == 6


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
