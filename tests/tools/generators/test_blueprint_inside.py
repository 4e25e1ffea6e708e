"""What of an example goes into a blueprint: a small example, and the real ones."""

import copy
import json

import pytest

from cases import each_case
from generators.blueprint_inside import add_prefix, cut_out
from generators.blueprint_spec import BLUEPRINTS, MAX_WIDGETS, Blueprint
from repository import REPOSITORY
from small_blueprint import BLUEPRINT, PROMPT, WIDGETS, node


def test_what_the_pack_makes_the_picture_with_is_inside_and_an_image_from_outside_is_one_socket_for_two_nodes() -> None:
    inside = cut_out(PROMPT, BLUEPRINT)
    assert list(inside.prompt) == ["2", "3", "4"]
    assert inside.picture == ("4", 0)
    assert inside.sockets == {"image": [("2", "image"), ("3", "image")], "mask": [("2", "mask")]}
    assert "image" not in inside.prompt["2"]["inputs"]
    assert PROMPT["2"]["inputs"]["image"] == ["1", 0]


def test_two_images_need_two_names() -> None:
    prompt = copy.deepcopy(PROMPT) | {"7": node("LoadImage", image="other.png")}
    prompt["3"]["inputs"]["image"] = ["7", 0]
    with pytest.raises(ValueError, match="Small: two links come in as 'image'"):
        cut_out(prompt, BLUEPRINT)
    named = Blueprint("Small", "small", WIDGETS, {"DAS_ContentObjective.image": "content"}, "")
    assert list(cut_out(prompt, named).sockets) == ["image", "mask", "content"]


def test_width_leaves_the_face_where_the_picture_is_as_large_as_the_image() -> None:
    assert list(cut_out(PROMPT, BLUEPRINT).widgets) == ["steps", "width", "weight"]
    prompt = copy.deepcopy(PROMPT)
    prompt["2"]["inputs"]["details.size"] = "image"
    assert list(cut_out(prompt, BLUEPRINT).widgets) == ["steps", "weight"]
    prompt["2"]["inputs"]["details.size"] = "image_within"
    assert list(cut_out(prompt, BLUEPRINT).widgets) == ["steps", "width", "weight"]


def test_an_example_without_a_picture_or_a_widget_or_with_two_such_widgets_is_an_error() -> None:
    with pytest.raises(ValueError, match="small: no SaveImage node"):
        cut_out({"1": PROMPT["1"], "5": node("SaveImage", images=["1", 0])}, BLUEPRINT)
    prompt = copy.deepcopy(PROMPT)
    del prompt["3"]["inputs"]["weight"]
    with pytest.raises(ValueError, match=r"shows DAS_ContentObjective\.weight, and 0 nodes of small"):
        cut_out(prompt, BLUEPRINT)
    twice = copy.deepcopy(PROMPT) | {"8": node("DAS_ContentObjective", weight=1.0)}
    twice["4"]["inputs"]["objectives.objective1"] = ["8", 0]
    with pytest.raises(ValueError, match="and 2 nodes of small"):
        cut_out(twice, BLUEPRINT)


def test_the_ids_of_nodes_inside_carry_that_of_the_subgraph_node() -> None:
    prefixed = add_prefix({"2": node("A", n=1), "3": node("B", of=["2", 0])}, 100)
    assert prefixed["100:3"]["inputs"] == {"of": ["100:2", 0]}
    assert prefixed["100:2"]["inputs"] == {"n": 1}


@each_case("blueprint", BLUEPRINTS)
def test_the_examples_have_what_the_blueprints_show(blueprint: Blueprint) -> None:
    path = REPOSITORY / "example_workflows" / "api" / f"{blueprint.example}.json"
    inside = cut_out(json.loads(path.read_text(encoding="utf-8")), blueprint)
    assert 1 <= len(inside.widgets) <= MAX_WIDGETS
    assert all(content["class_type"].startswith("DAS_") for content in inside.prompt.values())
    assert {name for places in inside.sockets.values() for _, name in places} <= {"image", "mask"}
