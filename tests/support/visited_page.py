"""A page in Chromium, and all that it asks for and complains of."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from harness.page import BrowserNotFoundError, start_chromium


@contextmanager
def visit_pages() -> Iterator[tuple[Page, list[str]]]:
    """Yield a page, and the list of its requests and messages; skip the test where there is no Chromium."""
    try:
        with start_chromium() as browser:
            page, said = browser.new_page(viewport={"width": 1000, "height": 700}), list[str]()
            page.on("request", lambda request: said.append(request.url))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda message: said.append(message.text))
            yield page, said
    except BrowserNotFoundError as error:
        pytest.skip(str(error))
