"""The comparison of a workflow on the page with its API file; tests/comfyui tests the conversion on a real page."""

import copy
from typing import Any

import pytest

from cases import each_case
from generators.example_workflow import JS_GET_PROMPT, RoundTripError, check_same, find_differences

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 48, "scale": 3.0}, "_meta": {"title": "Blue"}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


class FixedPage:
    """A page that contains one workflow."""

    def __init__(self, prompt: dict[str, Any]) -> None:
        self.prompt = prompt

    def evaluate(self, script: str) -> dict[str, Any]:
        assert script == JS_GET_PROMPT
        return self.prompt


def change(node: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return PROMPT | {node: PROMPT[node] | {"inputs": inputs}}


@each_case(
    ("other", "told"),
    [
        # The same workflow, with another title, and 3.0 as JavaScript writes it.
        (PROMPT | {"1": {**PROMPT["1"], "inputs": {"width": 48, "scale": 3}, "_meta": {"title": "Green"}}}, []),
        (change("1", {"width": 50, "scale": 3.0}), ["node 1 (EmptyImage), width: 48 in the file, 50 in the page"]),
        (change("1", {"width": 48}), ["node 1 (EmptyImage), scale: 3.0 in the file, absent in the page"]),
        (
            change("1", {"width": 48, "scale": 3, "x": None}),
            ["node 1 (EmptyImage), x: absent in the file, null in the page"],
        ),
        (
            change("2", {"images": ["1", 1]}),
            ['node 2 (PreviewImage), images: ["1", 0] in the file, ["1", 1] in the page'],
        ),
        (
            {"1": {"class_type": "Other", "inputs": PROMPT["1"]["inputs"]}, "3": PROMPT["2"]},
            [
                "node 1 is a EmptyImage in the file, a Other in the page",
                "node 2 is only in the file",
                "node 3 is only in the page",
            ],
        ),
    ],
)
def test_differences_in_nodes_values_and_links_are_told_and_those_of_titles_are_not(
    other: dict[str, Any], told: list[str]
) -> None:
    assert find_differences(PROMPT, other) == told


def test_a_workflow_that_the_page_changes_is_an_error_that_names_workflow_and_input() -> None:
    check_same(PROMPT, FixedPage(copy.deepcopy(PROMPT)), "blue")  # type: ignore[arg-type]
    changed = copy.deepcopy(PROMPT)
    changed["1"]["inputs"]["width"] = 50
    with pytest.raises(RoundTripError, match=r"^blue: the page .*\n  node 1 \(EmptyImage\), width: 48 in the file, 50"):
        check_same(PROMPT, FixedPage(changed), "blue")  # type: ignore[arg-type]
