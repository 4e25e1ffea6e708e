"""An input that ComfyUI would refuse is refused in one line."""

from collections.abc import Callable
from typing import Any

from cases import each_case

Run = Callable[..., Any]
SHOW = {"9": ("PreviewAny", {"source": ["1", 0]})}


@each_case(
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
