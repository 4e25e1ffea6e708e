"""The room that nodes of an example get: for pictures that they show, in both renderers; sheets and films are wide."""

from typing import Any

from cases import each_case
from generators.example_sizes import JS_MEASURE, MINIMUM_WIDTH, PICTURE_ROOM, WIDE, measure_nodes

PROMPT: dict[str, Any] = {
    "1": {"class_type": "DAS_Optimize", "inputs": {"steps": 60}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 2]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    "4": {"class_type": "DAS_Classify", "inputs": {"image": ["1", 0]}},
    "5": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
}


class MeasuredPage:
    """A page on which every node is 91 high, may need 121, and is as wide as it has to be."""

    def __init__(self, *outputs: str) -> None:
        self.outputs = outputs

    def evaluate(self, script: str, widths: dict[str, int]) -> dict[str, Any]:
        assert script == JS_MEASURE
        return {node: [width, 91, 121, node in self.outputs] for node, width in widths.items()}


TALL = 100 + PICTURE_ROOM


@each_case(
    ("outputs", "expected"),
    [
        # Nodes get room for the picture that they show, and no other does; frames and charts are wide.
        (["3"], {"5": (MINIMUM_WIDTH, 100), "1": (MINIMUM_WIDTH, TALL), "3": (MINIMUM_WIDTH, TALL)}),
        ([], {"2": (WIDE, TALL + WIDE - MINIMUM_WIDTH), "4": (WIDE, 100)}),
        # An inspection that is an output has room for its chart, and an output without pictures has none.
        (["4", "5"], {"5": (MINIMUM_WIDTH, 100), "4": (WIDE, TALL + WIDE - MINIMUM_WIDTH)}),
    ],
)
def test_nodes_get_room_for_the_picture_that_they_show_and_wide_pictures_are_as_much_higher(
    outputs: list[str], expected: dict[str, tuple[int, int]]
) -> None:
    own, room = measure_nodes(MeasuredPage(*outputs), PROMPT)  # type: ignore[arg-type]
    assert {node: own[node] for node in expected} == expected
    assert {node: room[node] for node in expected} == {node: (w, h + 30) for node, (w, h) in expected.items()}
