"""The templates of version 0.3.0: files and prompts of before 1.0 say what they said, under the names of today."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page

from generators.example_workflow import JS_GET_PROMPT, find_differences
from harness.page import load_api, load_workflow
from repository import REPOSITORY

ARCHIVE = Path(__file__).with_name("version_0_3_0") / "templates.zip"


LATER: dict[str, dict[str, Any]] = {
    "DAS_Augmentation": {"details.distance": 0},
    "DAS_EditStack": {"changes": ""},
    "DAS_Schedule": {"frames": ""},
    "DAS_StackToImage": {"frames": 0, "out": False},
}
"""By node, the inputs that came after that version, with the values that change nothing; beside them tilt and keep."""


@cache
def read_archive() -> dict[str, Any]:
    """Return the content of every file of the archive by its name: NAME.json of the page, api/NAME.json of the API."""
    with ZipFile(ARCHIVE) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


NAMES = [name.removeprefix("api/").removesuffix(".json") for name in read_archive() if name.startswith("api/")]


def expect_prompt(name: str) -> dict[str, Any]:
    """Return the prompt of a template under the names of today."""
    moved = json.loads((REPOSITORY / "web" / "moved_inputs.json").read_text(encoding="utf-8"))
    prompt: dict[str, Any] = deepcopy(read_archive()[f"api/{name}.json"])
    for node in prompt.values():
        if table := moved.get(node["class_type"]):
            choice = table["choice"]
            expected = {choice: "custom"}
            for key, value in node["inputs"].items():
                expected[f"{choice}.{key}" if key.split(".")[0] in table["moved"] else key] = value
            if expected.get("recipe.optimizer") == "ascent":
                expected["recipe.optimizer.tilt"] = 0
            if expected.get("recipe.denoise") == "on":
                expected["recipe.denoise.keep"] = 0
            node["inputs"] = expected
        node["inputs"] |= LATER.get(node["class_type"], {})
    return prompt


def test_there_are_all_of_them() -> None:
    assert len(NAMES) == 26


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_what_it_said(page: Page, name: str) -> None:
    load_workflow(page, read_archive()[f"{name}.json"], name)
    assert find_differences(expect_prompt(name), page.evaluate(JS_GET_PROMPT)) == []


@pytest.mark.parametrize("name", ["class_to_image", "deep_dream", "wallpaper_1024"])
def test_a_prompt_that_is_dropped_on_the_page_says_what_it_said(page: Page, name: str) -> None:
    load_api(page, read_archive()[f"api/{name}.json"], name)
    assert find_differences(expect_prompt(name), page.evaluate(JS_GET_PROMPT)) == []
