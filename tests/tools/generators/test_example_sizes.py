"""The room that nodes of an example get: for pictures that they show, in both renderers; sheets and films are wide."""

from typing import Any

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


def test_nodes_get_room_for_the_picture_that_they_show_and_no_other_does() -> None:
    own, room = measure_nodes(MeasuredPage("3"), PROMPT)  # type: ignore[arg-type]
    assert own["5"] == (MINIMUM_WIDTH, 100)
    assert room["5"] == (MINIMUM_WIDTH, 130)
    assert own["1"] == own["3"] == (MINIMUM_WIDTH, 100 + PICTURE_ROOM)
    assert room["1"] == room["3"] == (MINIMUM_WIDTH, 130 + PICTURE_ROOM)


def test_frames_and_charts_are_wide_and_as_much_higher() -> None:
    own, _ = measure_nodes(MeasuredPage(), PROMPT)  # type: ignore[arg-type]
    assert own["2"] == (WIDE, 100 + PICTURE_ROOM + WIDE - MINIMUM_WIDTH)
    assert own["4"] == (WIDE, 100)


def test_an_inspection_that_is_an_output_has_room_for_its_chart_and_an_output_without_pictures_has_none() -> None:
    own, _ = measure_nodes(MeasuredPage("4", "5"), PROMPT)  # type: ignore[arg-type]
    assert own["5"] == (MINIMUM_WIDTH, 100)
    assert own["4"] == (WIDE, 100 + PICTURE_ROOM + WIDE - MINIMUM_WIDTH)
