"""The template browser lists the templates as the README does."""

import re

from playwright.sync_api import Page

from repository import REPOSITORY


def test_templates_are_listed_as_in_the_readme(page: Page) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    expected = re.findall(r'<img src="example_workflows/(\w+)\.jpg"', readme)
    listed = page.evaluate("async () => await window.comfyAPI.api.api.getWorkflowTemplates()")
    (own,) = (names for names in listed.values() if "class_to_image" in names)
    assert own == expected
    assert set(own) == {path.stem for path in (REPOSITORY / "example_workflows").glob("*.json")}


def test_the_browser_shows_the_first_of_them_first(page: Page) -> None:
    page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    page.get_by_text(re.compile("direct.ascent", re.IGNORECASE)).first.click()
    titles = page.get_by_text(re.compile(r"^[a-z]+_[a-z_0-9]+$"))
    titles.first.wait_for()
    assert titles.first.inner_text() == "class_to_image"
