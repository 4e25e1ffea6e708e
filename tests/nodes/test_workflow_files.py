"""Workflow files and blueprints as the page saved them: they fit the nodes of today, and their API forms fit them.

tests/comfyui opens and runs them in ComfyUI.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cases import each_case
from generators.make_examples import make_api_text
from generators.saved_workflow import NOTE, list_widgets, read_note
from loaded_pack import Pack
from runner.input_specs import AUTOGROW, Input, parse_specs
from runner.node_inputs import WIDGET_TYPES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
each_example = each_case("path", EXAMPLES)

BLUEPRINTS = {
    "Class to Image": "class_to_image",
    "Text to Image": "text_to_image",
    "Deep Dream": "deep_dream",
    "Inpaint": "inpaint",
    "Style Transfer": "style_transfer",
}
"""By the name of a blueprint, the example with the same nodes and settings."""


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def read_inside(name: str) -> list[dict[str, Any]]:
    """The nodes inside a blueprint."""
    (inside,) = read(ROOT / "subgraphs" / f"{name}.json")["definitions"]["subgraphs"]
    return list(inside["nodes"])


def list_declared(inputs: Iterable[Input], values: Mapping[str, Any]) -> Iterator[Input]:
    """The widgets that a node with these values has, in the order in which the page saves their values."""
    for item in inputs:
        is_widget = item.options is not None or item.type in WIDGET_TYPES
        if item.type != AUTOGROW and is_widget and not item.settings.get("forceInput"):
            yield item
        yield from list_declared(item.inputs_by_option.get(values.get(item.name, ""), []), values)


def check_nodes(pack: Pack, nodes: Iterable[Mapping[str, Any]]) -> None:
    """Assert that the nodes of this pack have the widgets of their classes, with values that these allow."""
    for node in nodes:
        if node["type"] in pack.nodes:
            values = dict(list_widgets(node))
            declared = list(list_declared(parse_specs(pack.node(node["type"]).INPUT_TYPES()), values))
            assert list(values) == [item.name for item in declared], node["type"]
            for item in declared:
                value, settings = values[item.name], item.settings
                if item.options is not None:
                    assert value in item.options or settings.get("files"), f"{node['type']}: {item.name}"
                if item.type in ("INT", "FLOAT"):
                    assert settings["min"] <= value <= settings["max"], f"{node['type']}: {item.name}"


@each_example
def test_an_example_has_the_widgets_of_today(pack: Pack, path: Path) -> None:
    check_nodes(pack, read(path)["nodes"])


@each_example
def test_an_example_says_what_its_api_form_says(path: Path) -> None:
    assert (path.parent / "api" / path.name).read_text(encoding="utf-8") == make_api_text(path), "run make examples"


def test_every_api_form_has_its_example() -> None:
    assert sorted(path.name for path in (EXAMPLES[0].parent / "api").iterdir()) == [path.name for path in EXAMPLES]


@each_example
def test_every_node_of_an_example_begins_in_one_group_and_the_note_in_none(path: Path) -> None:
    workflow = read(path)
    for node in workflow["nodes"]:
        x, y = node["pos"]
        boxes = [group["bounding"] for group in workflow["groups"] if group["title"]]
        inside = [1 for left, top, width, height in boxes if left <= x < left + width and top <= y < top + height]
        assert len(inside) == (node["type"] != NOTE), node["type"]


@each_example
def test_a_note_calls_nodes_as_the_page_does(pack: Pack, path: Path) -> None:
    workflow = read(path)
    emphasised = set(re.findall(r"\*\*(.+?)\*\*", read_note(workflow)))
    renamed = [node["type"] for node in workflow["nodes"] if node.get("title") and node["type"] in pack.nodes]
    kept = {node["type"] for node in workflow["nodes"] if not node.get("title")}
    assert not emphasised & {pack.node(name).GET_SCHEMA().display_name for name in renamed if name not in kept}


@each_case("name", BLUEPRINTS)
def test_a_blueprint_has_the_widgets_of_today_and_the_settings_of_its_example(pack: Pack, name: str) -> None:
    nodes = read_inside(name)
    check_nodes(pack, nodes)
    example = {node["id"]: node for node in read(EXAMPLES[0].parent / f"{BLUEPRINTS[name]}.json")["nodes"]}
    for node in nodes:
        assert node["type"] == example[node["id"]]["type"]
        assert dict(list_widgets(node)) == dict(list_widgets(example[node["id"]])), node["type"]


def test_these_are_all_blueprints() -> None:
    assert sorted(path.stem for path in (ROOT / "subgraphs").iterdir()) == sorted(BLUEPRINTS)
