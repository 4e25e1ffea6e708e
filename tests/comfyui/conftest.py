"""Fixtures for tests against a real ComfyUI: `comfyui`, a client of a running server, and `page`, its page in Chromium.

ComfyUI is looked for at the environment variable COMFYUI_PATH, else at ~/ComfyUI. Without one, every test here is
skipped; with one that does not start, they fail.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.client import Client
from harness.page import PAGE_SECONDS, BrowserNotFoundError, open_page, start_chromium
from harness.server import PACK_NAME, ComfyUINotFoundError, ComfyUIStartError, find_comfyui, start_comfyui
from repository import REPOSITORY

expect.set_options(timeout=PAGE_SECONDS * 1000)  # a busy machine takes longer than Playwright's 5 seconds


@pytest.fixture(scope="session", autouse=True)
def comfyui_path() -> Path:
    """The folder of ComfyUI; where there is none, every test here is skipped."""
    try:
        return find_comfyui()
    except ComfyUINotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def comfyui(comfyui_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a ComfyUI that holds this pack, linked under a name with hyphens, and the probe nodes."""
    probes = {name: Path(__file__).with_name(name) for name in ("probe_nodes.py", "exact_diffusion.py")}
    packs = {PACK_NAME: REPOSITORY, **probes}
    with ExitStack() as stack:
        try:
            server = stack.enter_context(start_comfyui(tmp_path_factory.mktemp("comfyui"), packs))
        except ComfyUIStartError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield Client(server)


@pytest.fixture(autouse=True)
def idle_comfyui(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave nothing queued or running behind, so that one test that fails does not fail the next."""
    client: Client | None = request.getfixturevalue("comfyui") if "comfyui" in request.fixturenames else None
    yield
    if client is not None:
        client.stop_all()


@pytest.fixture(scope="module")
def browser(comfyui_path: Path) -> Iterator[Browser]:
    """Headless Chromium, for one module's tests: see `start_chromium` for why not for longer."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(start_chromium())
        except BrowserNotFoundError as error:
            pytest.skip(str(error))
        yield started


@pytest.fixture
def page(comfyui: Client, browser: Browser) -> Iterator[Page]:
    """ComfyUI's page, freshly opened, with its graph ready."""
    with open_page(browser, comfyui) as opened:
        yield opened
