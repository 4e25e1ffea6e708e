"""Making a workflow in UI format from one in API format, with core nodes that have what is difficult.

Slots that grow, a method with knobs of its own, a seed, and an output that the page adds widgets to.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from generators.example_layout import TITLE_HEIGHT
from generators.example_thumbnails import render_picture
from generators.example_workflow import RoundTripError, check_same, make_workflow
from generators.make_examples import make_example
from harness.client import Client
from harness.page import export_api, load_template, load_workflow, open_page

EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows"


def plain_image(color: int) -> dict[str, Any]:
    return {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": 1, "color": color}}


PROMPT: dict[str, Any] = {
    "3": {
        "class_type": "BatchImagesNode",
        "inputs": {"images.image0": ["1", 0], "images.image1": ["2", 0], "images.image2": ["5", 0]},
        "_meta": {"title": "All Three"},
    },
    "1": plain_image(0xFF0000),
    "2": plain_image(0x0000FF),
    "5": plain_image(0x00FF00),
    "4": {
        "class_type": "ResizeImageMaskNode",
        "inputs": {
            "input": ["3", 0],
            "resize_type": "scale by multiplier",
            "resize_type.multiplier": 1.5,
            "scale_method": "area",
        },
    },
    "6": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "batch"}},
    "7": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
    "8": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
}
NOTE = "# Three images\n\nBecome *one batch*."


def test_the_made_workflow_says_the_same_when_it_is_opened(page: Page) -> None:
    workflow = make_workflow(page, PROMPT, "batch", NOTE)
    load_workflow(page, workflow, "batch")
    check_same(PROMPT, page, "batch")
    assert export_api(page)["3"]["_meta"]["title"] == "All Three"


def test_nodes_do_not_overlap_and_follow_the_links_also_after_opening(page: Page) -> None:
    workflow = make_workflow(page, PROMPT, "batch", NOTE)
    load_workflow(page, workflow, "batch")
    nodes = {node["id"]: node for node in page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")["nodes"]}
    boxes = [(*node["pos"], *node["size"]) for node in nodes.values()]
    for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by - TITLE_HEIGHT or by + bh <= ay - TITLE_HEIGHT
    # From left to right in a row, and from row to row downward.
    for source, target in ((1, 3), (3, 4), (4, 6)):
        (sx, sy), (tx, ty) = nodes[source]["pos"], nodes[target]["pos"]
        assert sx + nodes[source]["size"][0] < tx or sy + nodes[source]["size"][1] < ty


def test_the_note_is_a_markdown_note_and_the_seed_stays(page: Page) -> None:
    nodes = {node["type"]: node for node in make_workflow(page, PROMPT, "batch", NOTE)["nodes"]}
    assert nodes["MarkdownNote"]["widgets_values"] == [NOTE]
    assert nodes["RandomNoise"]["widgets_values"] == [7, "fixed"]


def test_a_second_time_gives_the_same_file(comfyui: Client, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "batch.json").write_text(json.dumps(PROMPT))
    (tmp_path / "api" / "batch.md").write_text(NOTE)
    texts = []
    for _ in range(2):
        assert make_example(comfyui, browser, tmp_path, "batch") == PROMPT
        texts.append((tmp_path / "batch.json").read_text())
    assert texts[0] == texts[1]


def test_an_input_that_the_page_has_to_add_is_an_error(page: Page) -> None:
    short = {"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": 1}}}
    with pytest.raises(RoundTripError, match=r"node 1 \(EmptyImage\), color: absent in the file, 0 in the page"):
        make_workflow(page, short, "short")


def test_a_node_that_the_server_does_not_have_is_an_error(comfyui: Client, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "other.json").write_text('{"1": {"class_type": "NoSuchNode", "inputs": {}}}')
    with pytest.raises(LookupError, match="no node 'NoSuchNode'"):
        make_example(comfyui, browser, tmp_path, "other")


def test_the_thumbnail_shows_the_first_pictures_as_one_sheet(comfyui: Client) -> None:
    image = render_picture(comfyui, PROMPT)
    assert image.size == (2 * 96, 2 * 72)
    corners = [image.getpixel(at) for at in ((0, 0), (191, 0), (0, 143), (191, 143))]
    assert corners == [(255, 0, 0), (0, 0, 255), (0, 255, 0), (0, 0, 0)]


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.json")))
def test_every_template_says_what_its_api_file_says(comfyui: Client, browser: Browser, name: str) -> None:
    prompt = json.loads((EXAMPLES / "api" / f"{name}.json").read_text(encoding="utf-8"))
    with open_page(browser, comfyui) as page:
        load_template(page, name)
        check_same(prompt, page, name)
