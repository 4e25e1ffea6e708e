"""How a function of a node class is called: rounds, slots, and hidden values."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from cases import each_case
from runner.node_calls import Call
from runner.workflow_graph import Node

Run = Callable[..., Any]


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


class Collector(Adder):
    INPUT_IS_LIST = True
    calls: ClassVar[list[Any]] = []

    def multiply(self, a: list[int], b: list[int]) -> int:
        return len(a) * len(b)


def call(node_class: type[Any]) -> Call:
    node = Node("7", node_class.__name__, "", {})
    return Call(node, node_class, {"7": node})


@each_case(("node_class", "results"), [(Adder, [10, 40, 60]), (Collector, [6])])
def test_each_round_gets_its_own_or_the_last_entry_and_a_class_that_takes_lists_is_called_once(
    node_class: type[Adder], results: list[int]
) -> None:
    assert call(node_class)("multiply", {"a": [1, 2, 3], "b": [10, 20]}) == results


def test_an_older_node_receives_hidden_values_in_its_main_function_only() -> None:
    assert call(Adder)("add", {"a": [1], "b": [2]}) == [(3, "7", "Adder")]
    with pytest.raises(TypeError, match="missing"):
        call(Adder)("multiply", {"a": [1]})


def test_a_v3_node_receives_hidden_values_and_runs_locked_and_awaited(run: Run) -> None:
    nodes = {"5": ("TOY_Facts", {}), "6": ("PreviewAny", {"source": ["5", 0]})}
    assert run(nodes).out == "Preview as Text: id 5, inference True, locked True\n"


def test_slots_with_gaps_arrive_together(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {"level": 0.0}),
        "2": ("TOY_Color", {"level": 1.0}),
        "3": ("TOY_Mix", {"images.image0": ["1", 0], "images.image3": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
    }
    result = run(nodes)
    assert (result.pixels() == 127).all()


def test_a_list_of_values_runs_the_next_node_once_for_each(run: Run) -> None:
    nodes = {
        "1": ("TOY_Lists", {}),
        "2": ("TOY_Color", {"level": ["1", 0], "size": 2}),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    result = run(nodes)
    assert [int(result.pixels(number).mean()) for number in range(len(result.files))] == [63, 191]
