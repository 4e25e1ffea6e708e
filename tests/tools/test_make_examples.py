"""What the example maker does without a ComfyUI: compare workflows, make thumbnails, read its command line."""

import copy
import io
import math
from typing import Any

import numpy as np
import pytest
from example_workflow import differences
from make_examples import THUMBNAIL_BYTES, THUMBNAIL_SIDE, parse_arguments, sheet, thumbnail
from PIL import Image

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 48, "scale": 3.0}, "_meta": {"title": "Blue"}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


def test_the_same_workflow_has_no_differences_whatever_its_titles() -> None:
    other = copy.deepcopy(PROMPT)
    other["1"]["_meta"] = {"title": "Green"}
    other["1"]["inputs"]["scale"] = 3  # JavaScript writes 3.0 so
    assert differences(PROMPT, other) == []


@pytest.mark.parametrize(
    ("node", "inputs", "told"),
    [
        ("1", {"width": 50, "scale": 3.0}, "node 1 (EmptyImage), width: 48 in the file, 50 in the page"),
        ("1", {"width": 48}, "node 1 (EmptyImage), scale: 3.0 in the file, absent in the page"),
        ("1", {"width": 48, "scale": 3, "x": None}, "node 1 (EmptyImage), x: absent in the file, null in the page"),
        ("2", {"images": ["1", 1]}, 'node 2 (PreviewImage), images: ["1", 0] in the file, ["1", 1] in the page'),
    ],
)
def test_differences_in_values_and_links_are_told(node: str, inputs: dict[str, object], told: str) -> None:
    other = copy.deepcopy(PROMPT)
    other[node]["inputs"] = inputs
    assert differences(PROMPT, other) == [told]


def test_missing_and_changed_nodes_are_told() -> None:
    other = {"1": {"class_type": "Other", "inputs": PROMPT["1"]["inputs"]}, "3": PROMPT["2"]}
    assert differences(PROMPT, other) == [
        "node 1 is a EmptyImage in the file, a Other in the page",
        "node 2 is only in the file",
        "node 3 is only in the page",
    ]


@pytest.mark.parametrize("size", [(64, 48), (1024, 2048)])
def test_a_thumbnail_is_a_small_jpeg_even_of_pure_noise(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = thumbnail(Image.fromarray(noise))
    made = Image.open(io.BytesIO(data))
    assert made.format == "JPEG"
    assert max(made.size) == THUMBNAIL_SIDE
    assert made.width * size[1] == made.height * size[0]
    assert len(data) < THUMBNAIL_BYTES


@pytest.mark.parametrize(
    ("count", "levels"), [(1, [0]), (3, [0, 1, 2, 0]), (16, [*range(16)]), (46, [*range(0, 46, 3)])]
)
def test_a_batch_becomes_a_sheet_from_its_first_image_to_its_last(count: int, levels: list[int]) -> None:
    made = np.asarray(sheet([Image.new("RGB", (4, 3), (level, 0, 0)) for level in range(count)]))
    side = math.isqrt(len(levels))
    assert made.shape == (3 * side, 4 * side, 3)
    assert made[::3, ::4, 0].flatten().tolist() == levels


def test_by_default_all_workflows_of_the_repository_are_made_without_a_run() -> None:
    options = parse_arguments([])
    assert options.names == []
    assert (options.directory / "api").is_dir()
    assert not options.thumbnails
