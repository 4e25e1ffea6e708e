"""Widgets found by class and input: several of them, linked ones, and none."""

from typing import Any

from cases import each_case
from generators.prompt_widgets import find_widgets, is_link


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


LINKED = node("Ask", what=["1", 0])


@each_case(
    ("prompt", "widgets"),
    [
        # All nodes of the class count, in the order of the workflow.
        (
            {"7": node("Ask", what="cat"), "1": node("Other", what="x"), "3": node("Ask", what="dog")},
            [("7", "what"), ("3", "what")],
        ),
        # In place of a linked input counts the first widget of the node that it gets its value from.
        ({"1": node("Pick", image=["9", 0], name="cat", many=False), "2": LINKED}, [("1", "name")]),
        # Two inputs that one widget feeds are one widget.
        ({"1": node("Pick", name="cat"), "2": LINKED, "3": LINKED}, [("1", "name")]),
        # A link to a node without widgets and a missing input are no widgets.
        ({"1": node("Make"), "2": LINKED, "3": node("Ask")}, []),
    ],
)
def test_the_widgets_of_an_input_are_found_by_the_class_of_its_nodes(
    prompt: dict[str, Any], widgets: list[tuple[str, str]]
) -> None:
    assert find_widgets(prompt, "Ask.what") == widgets
    assert find_widgets(prompt, "Nobody.what") == []


def test_a_list_of_values_is_no_link() -> None:
    assert is_link(["3", 0])
    assert not is_link(["cat", "dog"])
    assert not is_link([3, 0])
