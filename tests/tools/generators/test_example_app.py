"""The forms of Apps: what the examples ask for, and errors for examples that lack it."""

import json
from typing import Any

import pytest

from cases import each_case
from generators.example_app import FORMS, make_app
from repository import REPOSITORY


def read(name: str) -> dict[str, Any]:
    path = REPOSITORY / "example_workflows" / "api" / f"{name}.json"
    prompt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prompt


@each_case("name", FORMS)
def test_an_app_asks_for_widgets_that_its_example_has_and_shows_the_saved_image(name: str) -> None:
    prompt = read(name)
    data = make_app(prompt, name)["linearData"]
    for node, widget, config in data["inputs"]:
        assert not isinstance(prompt[str(node)]["inputs"][widget], list)
        assert config["description"]
    assert [prompt[str(node)]["class_type"] for node in data["outputs"]] == ["SaveImage"]


def test_style_transfer_asks_for_two_pictures_and_says_which_is_which() -> None:
    inputs = make_app(read("style_transfer"), "style_transfer")["linearData"]["inputs"]
    assert [widget for _, widget, _ in inputs] == ["image", "image"]
    assert len({config["description"] for _, _, config in inputs}) == 2


def test_an_example_without_a_form_is_no_app() -> None:
    assert make_app(read("inspect"), "inspect") == {}


def test_an_example_without_a_widget_that_is_asked_for_or_a_saved_image_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"class_to_image: its App asks for DAS_ClassObjective\.classes"):
        make_app({"1": {"class_type": "SaveImage", "inputs": {}}}, "class_to_image")
    with pytest.raises(ValueError, match="this example has none"):
        make_app({"1": {"class_type": "DAS_ClassObjective", "inputs": {"classes": "cat"}}}, "class_to_image")
