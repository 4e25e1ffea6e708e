"""Output nodes that show nothing without ComfyUI's page: results that nobody takes are printed and saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cases import each_case

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


TEXT = REPORT | {"3": ("PreviewAny", {"source": ["2", 0]}, "Text")}


@each_case(
    ("nodes", "arguments", "lines"),
    [
        # The title of the node stands before the text and names the file.
        (
            COLOR | {"2": ("TOY_Report", {"image": ["1", 0]}, "What it sees: 1/2")},
            [],
            ["What it sees: 1/2: 3 images", "output/What_it_sees_1_2_00001_.png"],
        ),
        # What another node takes is shown by that node alone.
        (TEXT, [], ["Text: 3 images", "output/Report_00001_.png"]),
        (
            TEXT | {"4": ("SaveImage", {"images": ["2", 1], "filename_prefix": "chart"})},
            [],
            ["Text: 3 images", *[f"output/chart_0000{i}_.png" for i in (1, 2, 3)]],
        ),
        # A node that is left out of the run takes nothing.
        (TEXT, ["--only", "2"], ["Report: 3 images", "output/Report_00001_.png"]),
        # A node that shows something itself is left to it.
        (COLOR | {"2": ("TOY_Report", {"image": ["1", 0], "shows": True})}, [], ["Report: saw 3 images"]),
        # Results of nodes that are no output nodes are not shown.
        ({"1": ("TOY_Facts", {}), "2": ("PreviewAny", {"source": ["1", 1]}, "Seven")}, [], ["Seven: 7"]),
    ],
)
def test_only_what_nobody_else_shows_is_printed_and_saved_under_the_title_of_its_node(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nodes: dict[str, Any],
    arguments: list[str],
    lines: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(nodes, *arguments).out.splitlines() == lines
