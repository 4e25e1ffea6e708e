"""The page, as a small one with the few things of ComfyUI's that the harness uses; tests/comfyui has the real one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from cases import each_case
from harness import page as harness_page
from harness.client import Client, PromptRejectedError
from harness.page import (
    BrowserNotFoundError,
    close_dialogs,
    export_api,
    find_chromium,
    load_api,
    load_template,
    load_workflow,
    open_page,
    press_run,
    start_chromium,
)
from harness.server import PACK_NAME, Server

SETTING = "POST /settings/Comfy.TutorialCompleted"
HTML = b"""<!doctype html>
<div data-testid="queue-button"><button onclick="fetch('/api/prompt', {method: 'POST', body: '{}'})">Run</button></div>
<script>
const app = window.app = { graph: {}, loaded: [] }
app.loadGraphData = async (...given) => { app.loaded = given }
app.loadApiJson = async (data, name) => { app.loaded = [data, name] }
app.graphToPrompt = async () => ({ output: { loaded: app.loaded } })
setTimeout(() => { app.vueAppReady = true }, 50)
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(start_chromium())
        except BrowserNotFoundError as error:
            pytest.skip(str(error))
        yield started


@pytest.fixture
def page(web: Any, make_server: Callable[..., Server], browser: Browser) -> Iterator[Page]:
    web.answers |= {"GET /": HTML, SETTING: b""}
    with open_page(browser, Client(make_server(web.url))) as opened:
        yield opened


@pytest.fixture
def no_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the whole PATH, and the place of Debian's Chromium; nothing is in it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(harness_page, "DEBIAN_CHROMIUM", str(tmp_path / "debian"))
    return tmp_path


def test_the_chromium_on_the_path_comes_before_debians_and_that_before_playwrights_and_else_the_way_out_is_named(
    no_chromium: Path,
) -> None:
    with pytest.raises(BrowserNotFoundError) as caught:
        find_chromium(str(no_chromium / "bundled"))
    assert f"{no_chromium / 'debian'} and {no_chromium / 'bundled'}" in str(caught.value)
    assert "'playwright install chromium' brings one" in str(caught.value)
    for name in ("bundled", "debian", "chromium"):
        path = no_chromium / name
        path.write_text("")
        path.chmod(0o755)
        assert find_chromium(str(no_chromium / "bundled")) == str(path)


def test_a_page_opens_past_the_first_run_dialog_and_when_its_graph_is_ready(page: Page, web: Any) -> None:
    assert web.received(SETTING) == [True]
    assert [request for request, _ in web.requests][:2] == [SETTING, "GET /"]
    assert page.evaluate("app.vueAppReady")


def test_workflows_of_both_formats_are_handed_to_the_page_and_come_back(page: Page) -> None:
    load_api(page, {"1": {"class_type": "A"}}, "first")
    assert export_api(page) == {"loaded": [{"1": {"class_type": "A"}}, "first"]}
    load_workflow(page, {"nodes": []}, "second")
    assert export_api(page) == {"loaded": [{"nodes": []}, True, True, "second"]}


def test_a_template_is_fetched_from_the_server(page: Page, web: Any) -> None:
    web.answers[f"GET /api/workflow_templates/{PACK_NAME}/castle.json"] = {"nodes": [7]}
    load_template(page, "castle")
    assert export_api(page)["loaded"][0] == {"nodes": [7]}
    with pytest.raises(Exception, match=r"other.json: 404"):
        load_template(page, "other")


def test_dialogs_over_a_workflow_are_closed(page: Page) -> None:
    page.evaluate(
        """() => { for (const text of ['missing models', 'failed']) {
            const mask = document.createElement('div')
            mask.className = 'p-dialog-mask'
            mask.innerHTML = `${text} <button class="p-dialog-close-button">x</button>`
            mask.firstElementChild.onclick = () => setTimeout(() => mask.remove(), 50)
            document.body.append(mask)
        } }"""
    )
    close_dialogs(page)
    assert page.locator(".p-dialog-mask").count() == 0
    close_dialogs(page)


def test_the_run_button_is_pressed_and_the_prompt_id_comes_back(page: Page, web: Any) -> None:
    web.answers["POST /api/prompt"] = {"prompt_id": "p1", "node_errors": {}}
    assert press_run(page) == "p1"
    assert web.received("POST /api/prompt") == [{}]


@each_case("status", [400, 200])
def test_what_the_validation_refuses_is_raised(page: Page, web: Any, status: int) -> None:
    web.answers["POST /api/prompt"] = (status, {"prompt_id": "p1", "node_errors": {"2": "Required input is missing"}})
    with pytest.raises(PromptRejectedError, match="Required input is missing"):
        press_run(page)
