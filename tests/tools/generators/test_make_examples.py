"""API forms and thumbnails: which pictures of a run they show, and how."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cases import each_case
from generators.make_examples import MAX_THUMBNAIL_BYTES, THUMBNAIL_SIDE, encode_thumbnail, main, tile_images

PICTURE = "direct_ascent_castle.jpg"


def write_example(folder: Path, name: str, *savers: str) -> None:
    """Write a workflow of the page that loads a picture and saves it with nodes of these classes."""

    def widget(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "type": kind, "widget": {"name": name}, "link": None}

    load = {"id": 1, "type": "LoadImage", "mode": 0, "inputs": [widget("image", "COMBO")], "widgets_values": [PICTURE]}
    save = [
        {"id": number, "type": kind, "mode": 0, "inputs": [{"name": "images", "type": "IMAGE", "link": number}]}
        for number, kind in enumerate(savers, 2)
    ]
    links = [[number, 1, 0, number, 0, "IMAGE"] for number, _ in enumerate(savers, 2)]
    (folder / f"{name}.json").write_text(json.dumps({"nodes": [load, *save], "links": links}))


@each_case("size", [(64, 48), (1024, 2048)])
def test_a_thumbnail_is_a_small_jpeg_even_of_pure_noise(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = encode_thumbnail(Image.fromarray(noise))
    made = Image.open(io.BytesIO(data))
    assert made.format == "JPEG"
    assert max(made.size) == THUMBNAIL_SIDE
    assert made.width * size[1] == made.height * size[0]
    assert len(data) < MAX_THUMBNAIL_BYTES


@each_case(
    ("count", "most", "levels"),
    [
        (1, 16, [0]),
        (3, 16, [0, 1, 2, 0]),
        (16, 16, [*range(16)]),
        (46, 16, [*range(0, 46, 3)]),
        (24, 4, [0, 7, 15, 23]),
    ],
)
def test_a_batch_becomes_a_sheet_from_its_first_image_to_its_last(count: int, most: int, levels: list[int]) -> None:
    made = np.asarray(tile_images([Image.new("RGB", (4, 3), (level, 0, 0)) for level in range(count)], most))
    side = math.isqrt(len(levels))
    assert made.shape == (3 * side, 4 * side, 3)
    assert made[::3, ::4, 0].flatten().tolist() == levels


def test_an_example_gets_its_api_form_and_its_thumbnail_and_others_keep_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "api").mkdir()
    write_example(tmp_path, "good", "SaveImage")
    write_example(tmp_path, "silent", "NoSuchNode")
    assert main(["--directory", str(tmp_path), "--thumbnails"]) == 1
    assert "silent keeps its thumbnail" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.jpg")] == ["good.jpg"]
    assert json.loads((tmp_path / "api" / "good.json").read_text())["1"]["inputs"] == {"image": PICTURE}
