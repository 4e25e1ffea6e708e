"""Workflow files of the page without the page, their API forms, and thumbnails."""

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
from generators.saved_workflow import make_prompt, read_note


def make_node(number: int, kind: str, inputs: list[dict[str, Any]], values: list[Any], **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "mode": 0, "inputs": inputs, "widgets_values": values, **more}


def widget(name: str, kind: str = "FLOAT", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "widget": {"name": name}, "link": None, **more}


def make_workflow(**changes: Any) -> dict[str, Any]:
    """A picture, a node whose amount is linked and whose seed changes after a run, and a note."""
    picture = make_node(
        1, "LoadImage", [widget("image", "COMBO"), widget("upload", "IMAGEUPLOAD")], ["cat.png", "image"], title="Cat"
    )
    entries = [{"name": "image", "type": "IMAGE", "link": 7}, widget("seed", "INT"), widget("amount", link=8)]
    node = make_node(2, "DAS_Optimize", entries, [5, "randomize", 0.5])
    note = make_node(3, "MarkdownNote", [], ["# Note"])
    return {"nodes": [note, node | changes, picture], "links": [[7, 1, 0, 2, 0, "IMAGE"], [8, 1, 1, 2, 2, "FLOAT"]]}


def test_values_links_and_titles_are_those_that_the_page_exports() -> None:
    workflow = make_workflow()
    assert make_prompt(workflow) == {
        "1": {"inputs": {"image": "cat.png"}, "class_type": "LoadImage", "_meta": {"title": "Cat"}},
        "2": {
            "inputs": {"image": ["1", 0], "seed": 5, "amount": ["1", 1]},
            "class_type": "DAS_Optimize",
            "_meta": {"title": "Direct Ascent Optimize"},
        },
    }
    assert read_note(workflow) == "# Note"


def test_what_only_the_page_can_export_is_refused() -> None:
    for changes, message in (
        ({"mode": 4}, r"node 2 \(DAS_Optimize\) is muted or bypassed"),
        ({"widgets_values": [5, "randomize"]}, "has saved no value for amount"),
        ({"widgets_values": [5, "randomize", 0.5, 1]}, r"has saved \[1\] for no widget"),
    ):
        with pytest.raises(ValueError, match=message):
            make_prompt(make_workflow(**changes))
    with pytest.raises(ValueError, match="has to be exported by the page"):
        make_prompt(make_workflow() | {"definitions": {"subgraphs": [{}]}})


PICTURE = "direct_ascent_castle.jpg"


@each_case(("width", "height"), (64, 48), (1024, 2048))
def test_a_thumbnail_is_a_small_jpeg_even_of_pure_noise(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = encode_thumbnail(Image.fromarray(noise))
    made = Image.open(io.BytesIO(data))
    assert (made.format, max(made.size)) == ("JPEG", THUMBNAIL_SIDE)
    assert made.width * height == made.height * width
    assert len(data) < MAX_THUMBNAIL_BYTES


@each_case(
    ("count", "most", "levels"),
    (1, 16, [0]),
    (3, 16, [0, 1, 2, 0]),
    (46, 16, [*range(0, 46, 3)]),
    (24, 4, [0, 7, 15, 23]),
)
def test_a_batch_becomes_a_sheet_from_its_first_image_to_its_last(count: int, most: int, levels: list[int]) -> None:
    made = np.asarray(tile_images([Image.new("RGB", (4, 3), (level, 0, 0)) for level in range(count)], most))
    side = math.isqrt(len(levels))
    assert made.shape == (3 * side, 4 * side, 3)
    assert made[::3, ::4, 0].flatten().tolist() == levels


def test_an_example_gets_its_api_form_and_thumbnail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api").mkdir()
    load, links = make_node(1, "LoadImage", [widget("image", "COMBO")], [PICTURE]), [[2, 1, 0, 2, 0, "IMAGE"]]
    for name, saver in (("01 Good one", "SaveImage"), ("02 Silent", "NoSuchNode")):
        save = make_node(2, saver, [{"name": "images", "type": "IMAGE", "link": 2}], [])
        (tmp_path / f"{name}.json").write_text(json.dumps({"nodes": [load, save], "links": links}))
    assert main(["--directory", str(tmp_path), "--thumbnails"]) == 1
    assert "silent keeps its thumbnail" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.jpg")] == ["01 Good one.jpg"]
    assert json.loads((tmp_path / "api" / "good_one.json").read_text())["1"]["inputs"] == {"image": PICTURE}
