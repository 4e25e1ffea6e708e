"""Output nodes that show nothing without ComfyUI's page: results that nobody takes are printed and saved."""

import json
from collections.abc import Callable
from typing import Any

from PIL import Image

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}
REPORT = COLOR | {"2": ("TOY_Report", {"image": ["1", 0]})}


def test_text_and_images_that_nobody_takes_are_printed_and_saved_as_a_sheet(run: Run) -> None:
    result = run(REPORT)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ["Report: 3 images", "output/Report_00001_.png"]
    assert result.pixels().shape == (2 * (4 + 2) + 2, 2 * (4 + 2) + 2, 3)
    assert result.pixels()[2, 2, 0] == 63
    assert json.loads(Image.open(result.files[0]).info["prompt"])["2"]["class_type"] == "TOY_Report"


def test_the_title_of_the_node_stands_before_the_text_and_names_the_file(run: Run) -> None:
    result = run(COLOR | {"2": ("TOY_Report", {"image": ["1", 0]}, "What it sees: 1/2")})
    assert result.out.splitlines() == ["What it sees: 1/2: 3 images", "output/What_it_sees_1_2_00001_.png"]


def test_what_another_node_takes_is_shown_by_that_node_alone(run: Run) -> None:
    text = REPORT | {"3": ("PreviewAny", {"source": ["2", 0]}, "Text")}
    assert run(text).out.splitlines() == ["Text: 3 images", "output/Report_00001_.png"]
    both = text | {"4": ("SaveImage", {"images": ["2", 1], "filename_prefix": "chart"})}
    assert run(both).out.splitlines() == ["Text: 3 images", *[f"output/chart_0000{i}_.png" for i in (1, 2, 3)]]


def test_a_node_that_is_left_out_of_the_run_takes_nothing(run: Run) -> None:
    nodes = REPORT | {"3": ("PreviewAny", {"source": ["2", 0]}, "Text")}
    assert run(nodes, "--only", "2").out.splitlines() == ["Report: 3 images", "output/Report_00001_.png"]


def test_a_node_that_shows_something_itself_is_left_to_it(run: Run) -> None:
    result = run(COLOR | {"2": ("TOY_Report", {"image": ["1", 0], "shows": True})})
    assert result.out.splitlines() == ["Report: saw 3 images"]


def test_results_of_nodes_that_are_no_output_nodes_are_not_shown(run: Run) -> None:
    result = run({"1": ("TOY_Facts", {}), "2": ("PreviewAny", {"source": ["1", 1]}, "Seven")})
    assert result.out.splitlines() == ["Seven: 7"]
