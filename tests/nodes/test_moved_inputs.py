"""Older inputs: every one is found under its name of today, and nothing else changes."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import each_case
from generators.node_api import describe_node
from loaded_pack import Pack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return {"seed": 3, "steps": 20, "optimizer": "sgd", "optimizer.momentum": ["7", 0], "stack": ["1", 0]}


def test_an_older_prompt_gets_the_names_of_today(pack: Pack, names: dict[str, Any]) -> None:
    module = pack.module("nodes.moved_inputs")
    prompt = {"5": {"class_type": "DAS_Optimize", "inputs": names, "_meta": {"title": "Mine"}}}
    before = json.dumps(prompt)
    moved = module.migrate_prompt(prompt)
    assert moved["5"] == {
        "class_type": "DAS_Optimize",
        "inputs": {
            "seed": 3,
            "stack": ["1", 0],
            "recipe": "custom",
            "recipe.steps": 20,
            "recipe.optimizer": "sgd",
            "recipe.optimizer.momentum": ["7", 0],
            "recipe.focus": "everywhere",
            "recipe.denoise": "off",
            "recipe.optimizer.tilt": 0,
        },
        "_meta": {"title": "Mine"},
    }
    assert json.dumps(prompt) == before
    assert module.migrate_prompt(moved) == moved


@each_case(
    ("given", "added"),
    [
        ({"focus": "everywhere"}, {"denoise": "off"}),
        ({"focus": "center"}, {"focus.emphasis": 0, "denoise": "off"}),
        ({"focus": ["3", 0]}, {"focus.emphasis": 0, "denoise": "off"}),
        ({"focus": "center", "focus.emphasis": 0.5, "denoise": "on"}, {}),
    ],
)
def test_what_came_later_changes_nothing(pack: Pack, given: dict[str, Any], added: dict[str, Any]) -> None:
    moved = pack.module("nodes.moved_inputs").move_inputs("DAS_Optimize", {"steps": 5} | given)
    assert moved == {"recipe": "custom"} | {f"recipe.{name}": v for name, v in ({"steps": 5} | given | added).items()}


def test_a_node_of_today_and_one_of_another_pack_stay(pack: Pack) -> None:
    move = pack.module("nodes.moved_inputs").move_inputs
    today = {"recipe": "sketch", "seed": 3}
    assert move("DAS_Optimize", today) == today
    # The names of today count where a prompt has both.
    both = {"recipe": "sketch", "seed": 3, "steps": 9}
    assert move("DAS_Optimize", both) == both
    assert move("KSampler", {"steps": 20}) == {"steps": 20}
    assert move("DAS_GuideDiffusion", {"steps": 2}) == {"steps": 2}
    assert move("DAS_Optimize", {"seed": 3}) == {"seed": 3}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON | st.dictionaries(st.text(), st.fixed_dictionaries({"class_type": JSON, "inputs": JSON})))
def test_what_is_no_prompt_is_left_to_comfyui(pack: Pack, prompt: Any) -> None:
    assert pack.module("nodes.moved_inputs").migrate_prompt(prompt) == prompt


def test_the_table_names_what_the_choice_brings(pack: Pack) -> None:
    for node_id, table in pack.module("nodes.moved_inputs").MOVED.items():
        custom = describe_node(pack.node(node_id))["inputs"][table["choice"]]["custom"]
        assert list(custom) == table["moved"], "in the order in which they are stored"
        assert {name.partition(".")[0] for name in table["later"]} <= set(custom)
