"""Widgets found by class and input: several of them, linked ones, and none."""

from typing import Any

from generators.prompt_widgets import find_widgets, is_link


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def test_all_nodes_of_the_class_count_in_the_order_of_the_workflow() -> None:
    prompt = {"7": node("Ask", what="cat"), "1": node("Other", what="x"), "3": node("Ask", what="dog")}
    assert find_widgets(prompt, "Ask.what") == [("7", "what"), ("3", "what")]


def test_the_first_widget_of_the_node_that_a_linked_input_gets_its_value_from_counts() -> None:
    prompt = {"1": node("Pick", image=["9", 0], name="cat", many=False), "2": node("Ask", what=["1", 0])}
    assert find_widgets(prompt, "Ask.what") == [("1", "name")]


def test_two_inputs_that_one_widget_feeds_are_one_widget() -> None:
    prompt = {"1": node("Pick", name="cat"), "2": node("Ask", what=["1", 0]), "3": node("Ask", what=["1", 0])}
    assert find_widgets(prompt, "Ask.what") == [("1", "name")]


def test_a_link_to_a_node_without_widgets_and_a_missing_input_are_no_widgets() -> None:
    prompt = {"1": node("Make"), "2": node("Ask", what=["1", 0]), "3": node("Ask")}
    assert find_widgets(prompt, "Ask.what") == []
    assert find_widgets(prompt, "Nobody.what") == []


def test_a_list_of_values_is_no_link() -> None:
    assert is_link(["3", 0])
    assert not is_link(["cat", "dog"])
    assert not is_link([3, 0])
