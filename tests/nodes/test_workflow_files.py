"""Workflow files and blueprints as the page saved them: they fit the nodes of today, and their API forms fit them.

tests/comfyui opens and runs them in ComfyUI.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cases import each_case
from generators.make_examples import make_api_text, name_api
from generators.saved_workflow import list_widgets
from loaded_pack import Pack
from runner.input_specs import AUTOGROW, Input, parse_specs
from runner.node_inputs import WIDGET_TYPES

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACK = (PROJECT["name"], PROJECT["version"])
EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))


def list_declared(inputs: Iterable[Input], values: Mapping[str, Any]) -> Iterator[Input]:
    """The widgets that a node with these values has, in the order in which the page saves their values."""
    for item in inputs:
        is_widget = item.options is not None or item.type in WIDGET_TYPES
        if item.type != AUTOGROW and is_widget and not item.settings.keys() & {"forceInput", "hidden"}:
            yield item
        yield from list_declared(item.inputs_by_option.get(values.get(item.name, ""), []), values)


def check_nodes(pack: Pack, nodes: Iterable[Mapping[str, Any]]) -> None:
    """Assert that the nodes of this pack have the widgets of their classes, with values that these allow."""
    for node in nodes:
        if node["type"] in pack.nodes:
            assert (node["properties"]["cnr_id"], node["properties"]["ver"]) == PACK, "where ComfyUI finds the pack"
            values = dict(list_widgets(node))
            declared = list(list_declared(parse_specs(pack.node(node["type"]).INPUT_TYPES()), values))
            assert list(values) == [item.name for item in declared], node["type"]
            for item in declared:
                value, settings = values[item.name], item.settings
                if item.options is not None:
                    assert value in item.options or settings.get("files"), f"{node['type']}: {item.name}"
                if item.type in ("INT", "FLOAT"):
                    assert settings["min"] <= value <= settings["max"], f"{node['type']}: {item.name}"


@each_case("path", *EXAMPLES, *BLUEPRINTS)
def test_an_example_or_a_blueprint_has_the_widgets_of_today(pack: Pack, path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    for part in (content, *content.get("definitions", {}).get("subgraphs", [])):
        check_nodes(pack, part["nodes"])


def test_every_blueprint_says_what_it_makes() -> None:
    for path in BLUEPRINTS:
        content = json.loads(path.read_text(encoding="utf-8"))
        (blueprint,) = content["definitions"]["subgraphs"]
        # Pages before ComfyUI's own blueprints had a description read only the other.
        assert len(blueprint["description"].split()) > 5
        assert blueprint["description"] == content["extra"]["BlueprintDescription"], path.name


def test_every_example_has_its_api_form() -> None:
    for path in EXAMPLES:
        text = (path.parent / "api" / f"{name_api(path)}.json").read_text(encoding="utf-8")
        assert text == make_api_text(path), "run make examples"
    assert len(list((EXAMPLES[0].parent / "api").iterdir())) == len(EXAMPLES)
