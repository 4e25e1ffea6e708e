"""The page of a running ComfyUI in headless Chromium: opening it, loading a workflow into it, and pressing Run."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from harness.client import Client, Prompt, PromptRejectedError
from harness.server import PACK_NAME

DEBIAN_CHROMIUM = "/usr/bin/chromium"

# The time limit of each action on the page. The page loads hundreds of files, which takes long on a busy machine.
PAGE_SECONDS = 60.0


class BrowserNotFoundError(FileNotFoundError):
    """There is no Chromium at any of the expected places."""


def find_chromium(bundled: str) -> str:
    """Return the path of a Chromium: the one on the PATH, else Debian's, else Playwright's own (`bundled`)."""
    candidates = [shutil.which("chromium"), DEBIAN_CHROMIUM, bundled]
    for path in candidates:
        if path and Path(path).is_file():
            return path
    raise BrowserNotFoundError(
        "no Chromium here: looked for 'chromium' on the PATH and for "
        f"{' and '.join(path for path in candidates[1:] if path)}; 'playwright install chromium' brings one"
    )


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """Start a headless Chromium. Keep the block short: in it Playwright runs an event loop, so asyncio.run raises."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        # Chromium's sandbox does not work for root, the user of most containers.
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if root else [])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, client: Client, *, modern: bool = False) -> Iterator[Page]:
    """Open the page as a new visitor who has finished the first-run dialog, and wait until its graph is ready; `modern`
    is with Nodes 2.0."""
    # The server keeps settings, also those of a page that was open before.
    client.post("/settings/Comfy.TutorialCompleted", True)
    client.post("/settings/Comfy.VueNodes.Enabled", modern)
    # A new context, because the page stores drafts of workflows in the browser.
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.goto(client.server.url)
        wait_until_ready(page)
        yield page
    finally:
        context.close()


def wait_until_ready(page: Page) -> None:
    """Wait until a page has loaded its default workflow, which would replace one that is loaded before."""
    page.wait_for_function("window.app?.graph && window.app.vueAppReady && (app.graph.nodes?.length ?? 1)")


def load_workflow(page: Page, workflow: Mapping[str, Any], name: str) -> None:
    """Load a workflow in UI format under a name, like a file of this name that is dropped on the page."""
    page.evaluate("([data, name]) => app.loadGraphData(data, true, true, name)", [workflow, name])


def load_api(page: Page, prompt: Prompt, name: str) -> None:
    """Load a workflow in API format under a name; the page creates the nodes and sets their widgets and links."""
    page.evaluate("async ([data, name]) => { await app.loadApiJson(data, name) }", [prompt, name])


def load_template(page: Page, name: str, pack: str = PACK_NAME) -> None:
    """Load an example workflow of a pack from the server, as the template browser does."""
    page.evaluate(
        """async ([pack, name]) => {
            const answer = await fetch(`/api/workflow_templates/${pack}/${name}.json`)
            if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`)
            await app.loadGraphData(await answer.json(), true, true, name, { openSource: 'template' })
        }""",
        [pack, name],
    )


def export_api(page: Page) -> dict[str, Any]:
    """Return the workflow of the page in API format, as the Run button would send it."""
    prompt: dict[str, Any] = page.evaluate("async () => JSON.parse(JSON.stringify((await app.graphToPrompt()).output))")
    return prompt


def close_dialogs(page: Page) -> None:
    """Close the dialogs that older versions of the page open over a workflow: about missing models, or failed runs."""
    page.evaluate("document.querySelectorAll('.p-dialog-close-button').forEach(button => button.click())")
    expect(page.locator(".p-dialog-mask")).to_have_count(0)


def press_run(page: Page) -> str:
    """Press the Run button and return the id of the prompt, which `Client.wait` takes."""
    with page.expect_response("**/api/prompt") as waiting:
        # In newer pages the button itself has the test id; in older pages the group of buttons around it has the id.
        page.locator("button[data-testid='queue-button'], [data-testid='queue-button'] button").first.click()
    answer: dict[str, Any] = waiting.value.json()
    if not waiting.value.ok or answer.get("node_errors"):
        raise PromptRejectedError(answer)
    prompt_id: str = answer["prompt_id"]
    return prompt_id
