"""Examples as Apps in the real page: the form, a run from it, and the picture. Older pages ignore all of it."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from harness.client import Client
from harness.page import load_workflow
from repository import REPOSITORY
from template_page import set_widgets

EXAMPLES = REPOSITORY / "example_workflows"
FORMS = ("01 Class to image", "02 Prompt to image", "04 Inpaint a photo", "08 Style transfer")

JS_SWITCH = "app.extensionManager.command.execute('Comfy.ToggleLinear')"
JS_TOUR_SEEN = "app.extensionManager.setting.set('Comfy.OnboardingCoachmarks.Seen', ['appMode'])"
"""Without it a tour of App mode covers the first App of a new visitor."""


def read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))
    return content


def open_example(page: Page, name: str) -> dict[str, Any]:
    """Open the example with its form, and return what its `extra` says."""
    workflow = read(f"{name}.json")
    load_workflow(page, workflow, name)
    set_widgets(page, {"recipe": "custom", "recipe.steps": 2})
    extra: dict[str, Any] = workflow["extra"]
    return extra


@pytest.fixture
def knows_apps(comfyui: Client) -> None:
    """Skip a test where the page has no App mode, or the one of 0.8.0, which makes its forms itself."""
    version = comfyui.get("/system_stats")["system"]["comfyui_version"]
    if tuple(int(part) for part in version.split(".")[:2]) < (0, 33):
        pytest.skip(f"ComfyUI {version} reads no forms from workflow files")


@pytest.mark.parametrize("name", FORMS)
def test_it_opens_as_a_graph_that_has_what_the_form_asks_for(page: Page, name: str) -> None:
    extra = open_example(page, name)
    widgets = page.evaluate("app.graph.nodes.flatMap(n => (n.widgets ?? []).map(w => `${n.id} ${w.name}`))")
    assert {f"{node} {widget}" for node, widget, _ in extra["linearData"]["inputs"]} <= set(widgets)
    assert page.locator("[data-testid='app-mode-widget-item']").count() == 0


@pytest.mark.usefixtures("knows_apps")
@pytest.mark.parametrize("name", FORMS)
def test_the_app_shows_its_form_and_a_run_from_it_shows_the_picture(comfyui: Client, page: Page, name: str) -> None:
    page.evaluate(JS_TOUR_SEEN)
    extra = open_example(page, name)
    page.evaluate(JS_SWITCH)
    form = page.locator("[data-testid='app-mode-widget-item']")
    form.first.wait_for()
    asked = extra["linearData"]["inputs"]
    assert form.count() == len(asked)
    for (_, widget, config), text in zip(asked, form.all_inner_texts(), strict=True):
        assert widget in text
        assert config["description"] in text
    with page.expect_response("**/api/prompt") as waiting:
        page.locator("[data-testid='linear-run-button'] button").last.click()
    history = comfyui.wait(waiting.value.json()["prompt_id"], timeout=300)
    assert history["status"]["status_str"] == "success"
    (saver,) = extra["linearData"]["outputs"]
    (image,) = history["outputs"][str(saver)]["images"]
    page.locator(f"[data-testid='linear-center-panel'] img[src*='{image['filename']}']").first.wait_for()
