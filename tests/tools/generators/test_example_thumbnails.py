"""Thumbnails: their size, the sheet of a batch, and the node whose images they show."""

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cases import each_case
from generators.example_thumbnails import (
    MAX_THUMBNAIL_BYTES,
    THUMBNAIL_SIDE,
    encode_thumbnail,
    render_picture,
    tile_images,
)

PROMPT: dict[str, Any] = {
    "1": {"class_type": "PreviewImage", "inputs": {}, "_meta": {"title": "Progress"}},
    "2": {"class_type": "SaveImage", "inputs": {}, "_meta": {"title": "Result"}},
    "3": {"class_type": "SaveImage", "inputs": {}, "_meta": {"title": "Frames"}},
}


class FixedClient:
    """A client whose server answers a run with one image of 4 x 3 for each node, of the red level of the node's id."""

    def run(self, prompt: dict[str, Any], timeout: float) -> dict[str, Any]:
        return {"outputs": dict.fromkeys(prompt), "timeout": timeout}

    def get_images(self, history: dict[str, Any], node_id: str) -> list[Image.Image]:
        assert node_id in history["outputs"]
        return [Image.new("RGB", (4, 3), (int(node_id), 0, 0))]


@each_case("size", [(64, 48), (1024, 2048)])
def test_a_thumbnail_is_a_small_jpeg_even_of_pure_noise(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = encode_thumbnail(Image.fromarray(noise))
    made = Image.open(io.BytesIO(data))
    assert made.format == "JPEG"
    assert max(made.size) == THUMBNAIL_SIDE
    assert made.width * size[1] == made.height * size[0]
    assert len(data) < MAX_THUMBNAIL_BYTES


@each_case(("count", "levels"), [(1, [0]), (3, [0, 1, 2, 0]), (16, [*range(16)]), (46, [*range(0, 46, 3)])])
def test_a_batch_becomes_a_sheet_from_its_first_image_to_its_last(count: int, levels: list[int]) -> None:
    made = np.asarray(tile_images([Image.new("RGB", (4, 3), (level, 0, 0)) for level in range(count)]))
    side = math.isqrt(len(levels))
    assert made.shape == (3 * side, 4 * side, 3)
    assert made[::3, ::4, 0].flatten().tolist() == levels


def test_of_a_film_whose_frames_look_alike_a_few_are_shown() -> None:
    made = np.asarray(tile_images([Image.new("RGB", (4, 3), (level, 0, 0)) for level in range(24)], most=4))
    assert made[::3, ::4, 0].flatten().tolist() == [0, 7, 15, 23]


@each_case(
    ("left_out", "title", "shown"), [((), None, 2), ((), "Frames", 3), ((), "Progress", 1), (("2", "3"), None, 1)]
)
def test_the_first_node_that_saves_is_shown_else_the_first_preview_else_the_one_with_the_title(
    left_out: tuple[str, ...], title: str | None, shown: int
) -> None:
    prompt = {name: node for name, node in PROMPT.items() if name not in left_out}
    picture = render_picture(FixedClient(), prompt, title=title)  # type: ignore[arg-type]
    assert picture.getpixel((0, 0)) == (shown, 0, 0)


def test_a_workflow_that_shows_no_image_has_no_thumbnail() -> None:
    with pytest.raises(ValueError, match="this workflow has none"):
        render_picture(FixedClient(), PROMPT, title="No such")  # type: ignore[arg-type]
