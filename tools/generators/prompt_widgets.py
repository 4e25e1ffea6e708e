"""Widgets of a workflow in API format, found by the class of their node and the name of their input."""

from collections.abc import Mapping
from typing import Any

Place = tuple[str, str]
"""The id of a node and the name of one of its inputs."""


def is_link(value: object) -> bool:
    """Return whether the value of an input is a link: the id of a node and the number of one of its outputs."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def find_widgets(prompt: Mapping[str, Any], where: str) -> list[Place]:
    """Return the widgets that set one input of the nodes of a class, in the order of the nodes in the workflow.

    Args:
        prompt: the workflow in API format.
        where: the class and the input, such as "DAS_Optimize.seed". Nodes of the class that lack this input are
            skipped.

    Returns:
        For each widget, the id of its node and the name of its input. If the input in `where` is linked to another
        node, the widget is the first widget of that node, such as the list of names in a node that picks a name.
        A widget that several nodes are linked to is listed once.

    Example:
        >>> pick = {"class_type": "Pick", "inputs": {"name": "cat"}}
        >>> find_widgets({"1": pick, "2": {"class_type": "Ask", "inputs": {"what": ["1", 0]}}}, "Ask.what")
        [('1', 'name')]
    """
    class_type, _, name = where.partition(".")
    found = []
    for node, content in prompt.items():
        if content["class_type"] == class_type and name in content["inputs"]:
            place = _follow(prompt, node, name)
            if place and place not in found:
                found.append(place)
    return found


def _follow(prompt: Mapping[str, Any], node: str, name: str) -> Place | None:
    value = prompt[node]["inputs"][name]
    if not is_link(value):
        return node, name
    source = prompt[value[0]]["inputs"]
    return next(((value[0], other) for other in source if not is_link(source[other])), None)
