"""The page of a running ComfyUI in headless Chromium: open it, load a workflow into it, press Run."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comfyui_client import Client, Prompt, PromptRejectedError
from comfyui_server import PACK_NAME
from playwright.sync_api import Browser, Page, sync_playwright

DEBIAN_CHROMIUM = "/usr/bin/chromium"

PAGE_SECONDS = 60.0
"""For the page to come up; it fetches a few hundred files, slowly on a machine that is busy."""


class BrowserNotFoundError(FileNotFoundError):
    """There is no Chromium where it was looked for."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium: the one on the PATH, else Debian's, else the one that Playwright installed.

    Keep it open for as short as possible: Playwright holds an event loop open in this thread meanwhile, and
    asyncio.run refuses to work beside it.

    Raises:
        BrowserNotFoundError: there is none; the message says how to get one.
    """
    with sync_playwright() as playwright:
        candidates = [shutil.which("chromium"), DEBIAN_CHROMIUM, playwright.chromium.executable_path]
        found = [path for path in candidates if path and Path(path).is_file()]
        if not found:
            raise BrowserNotFoundError(
                "no Chromium here: looked for 'chromium' on the PATH and for "
                f"{' and '.join(path for path in candidates[1:] if path)}; 'playwright install chromium' brings one"
            )
        # Chromium's sandbox does not work for root, which is who runs in most containers.
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"] if root else [])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, client: Client) -> Iterator[Page]:
    """Open the page as a new visitor who is past the first-run dialog, and wait until its graph is there."""
    client.post("/settings/Comfy.TutorialCompleted", True)
    # A context of its own: the page keeps drafts of workflows in the browser's storage.
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.goto(client.server.url)
        page.wait_for_function("window.app?.graph && window.app.vueAppReady")
        yield page
    finally:
        context.close()


def load_workflow(page: Page, workflow: Mapping[str, Any], name: str) -> None:
    """Load a workflow in UI format, as if its file had been dropped on the page."""
    page.evaluate("([data, name]) => app.loadGraphData(data, true, true, name)", [workflow, name])


def load_api(page: Page, prompt: Prompt, name: str) -> None:
    """Load a workflow in API format: the page makes the nodes, and sets their widgets and links."""
    page.evaluate("async ([data, name]) => { await app.loadApiJson(data, name) }", [prompt, name])


def load_template(page: Page, name: str, pack: str = PACK_NAME) -> None:
    """Load an example workflow of a pack the way the template browser does, from the server's own copy."""
    page.evaluate(
        """async ([pack, name]) => {
            const answer = await fetch(`/api/workflow_templates/${pack}/${name}.json`)
            if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`)
            await app.loadGraphData(await answer.json(), true, true, name, { openSource: 'template' })
        }""",
        [pack, name],
    )


def to_api(page: Page) -> dict[str, Any]:
    """Return the page's workflow in API format: what Run would send."""
    prompt: dict[str, Any] = page.evaluate("async () => (await app.graphToPrompt()).output")
    return prompt


def press_run(page: Page) -> str:
    """Press the Run button and return the prompt id, to wait for with the client.

    Raises:
        PromptRejectedError: the server's validation found errors.
    """
    with page.expect_response("**/api/prompt") as waiting:
        page.locator("[data-testid='queue-button']").get_by_role("button").first.click()
    answer: dict[str, Any] = waiting.value.json()
    if not waiting.value.ok or answer.get("node_errors"):
        raise PromptRejectedError(answer)
    prompt_id: str = answer["prompt_id"]
    return prompt_id
