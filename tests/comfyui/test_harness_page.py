"""The harness's half in the browser: the page opens, takes a workflow and runs it with its own button."""

import pytest
from playwright.sync_api import Page

from harness.client import Client, PromptRejectedError
from harness.page import export_api, load_api, load_workflow, press_run

WORKFLOW = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 48, "height": 32, "batch_size": 1, "color": 255},
        "_meta": {"title": "A Blue Image"},
    },
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "Look"}},
}


def test_the_run_button_runs_a_workflow(comfyui: Client, page: Page) -> None:
    load_api(page, WORKFLOW, "blue")
    (image,) = comfyui.get_images(comfyui.wait(press_run(page)))
    assert image.size == (48, 32)


def test_a_workflow_in_ui_format_loads_as_it_was_saved(page: Page) -> None:
    load_api(page, WORKFLOW, "blue")
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    page.evaluate("app.graph.clear()")
    assert export_api(page) == {}
    load_workflow(page, saved, "blue")
    assert export_api(page) == WORKFLOW


def test_run_tells_what_the_validation_refused(page: Page) -> None:
    load_api(page, {"2": {"class_type": "PreviewImage", "inputs": {}}}, "unconnected")
    with pytest.raises(PromptRejectedError, match="Required input is missing"):
        press_run(page)
