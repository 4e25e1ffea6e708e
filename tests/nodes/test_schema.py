"""What the schemas of several nodes share: fields, inputs, the choice of an option, advice; and the frozen API."""

import math
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import pytest
import torch

from cases import each_case
from generators.make_api import describe_pack
from loaded_pack import Pack
from runner.input_specs import list_declared_inputs

OPTIONS = ("red", "green", "blue")


@pytest.fixture
def shared(pack: Pack) -> ModuleType:
    return pack.module("nodes.schema")


def test_search_aliases_are_kept_where_comfyui_knows_them(shared: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(shared.io, "Schema", lambda **fields: seen.append(fields))
    for fields in ({"node_id", "search_aliases"}, {"node_id"}):
        monkeypatch.setattr(shared, "_SCHEMA_FIELDS", fields)
        shared.schema(node_id="X", aliases="castle, hill")
    assert seen == [{"node_id": "X", "search_aliases": ["das", "direct ascent", "castle", "hill"]}, {"node_id": "X"}]


def test_widgets_are_folded_away_where_comfyui_can(shared: ModuleType) -> None:
    io = shared.io
    rate = io.Float.Input("rate")
    how = io.DynamicCombo.Input("how", options=[io.DynamicCombo.Option("b", [rate])])
    option = io.DynamicCombo.Option("a", [io.Float.Input("share"), io.Int.Input("count"), how])
    inputs = [io.Int.Input("steps"), io.Int.Input("chunk"), io.DynamicCombo.Input("kind", options=[option])]
    shared.schema(node_id="X", inputs=inputs, outputs=[], advanced=["chunk", "kind.share", "kind.how.rate"])
    marks = [getattr(item, "advanced", None) for item in (*inputs, *option.inputs, rate)]
    known = hasattr(io.Int.Input("x"), "advanced")
    assert marks == ([None, True, None, True, None, None, True] if known else [None] * 7)


def test_where_comfyui_cannot_fold_nothing_is_set_and_a_wrong_name_is_refused(shared: ModuleType) -> None:
    plain = SimpleNamespace(id="chunk")
    shared._mark_advanced([plain], {"chunk"})
    assert vars(plain) == {"id": "chunk"}
    with pytest.raises(ValueError, match=r"^no input is called size, steps.count$"):
        shared.schema(node_id="X", inputs=[shared.io.Int.Input("steps")], advanced=["size", "steps.count"])


def test_options_bring_the_inputs_that_are_given_for_them(shared: ModuleType) -> None:
    assert shared.list_options(Literal["red", "green", "blue"], "blue") == ["blue", "red", "green"]
    share = shared.io.Float.Input("share")
    options = shared.make_options(OPTIONS, green=[share])
    assert [(option.key, option.inputs) for option in options] == [("red", []), ("green", [share]), ("blue", [])]
    with pytest.raises(ValueError, match=r"^gold not among the options red, green, blue$"):
        shared.make_options(OPTIONS, gold=[], red=[])


@each_case(
    ("value", "inputs"),
    ({"color": "green", "share": 0.5, "name": "grass"}, {"share": 0.5, "name": "grass"}),
    ({"color": "green"}, {}),
    ("green", {}),
)
def test_a_choice_is_read_with_the_inputs_it_brings(shared: ModuleType, value: Any, inputs: dict[str, Any]) -> None:
    assert shared.read_choice("color", value, OPTIONS) == ("green", inputs)


@each_case(
    ("value", "says"),
    *((value, "'gold' is unknown") for value in ("gold", {"color": "gold"}, {"color": "gold", "share": 0.5})),
    *((value, "is missing or unknown") for value in (None, "", {}, {"share": 0.5}, {"color": None})),
    ({"color": 3}, "'3' is unknown"),
)
def test_an_unknown_or_missing_choice_is_answered_with_the_options(shared: ModuleType, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^color {says}; choose red, green or blue$"):
        shared.read_choice("color", value, OPTIONS)


def test_advice_stands_behind_an_error_of_its_kind_which_becomes_the_cause(shared: ModuleType) -> None:
    lost, other = UnicodeError("the way is lost"), ValueError("too large")
    advice = shared.add_advice(UnicodeError, "; a map shows it")
    with pytest.raises(ValueError, match=r"^the way is lost; a map shows it$") as caught, advice:
        raise lost
    assert caught.value.__cause__ is lost
    with pytest.raises(ValueError, match=r"^too large$") as caught, shared.add_advice(UnicodeError, "; a map shows it"):
        raise other
    assert caught.value is other


def test_models_on_the_disk_stand_first_each_part_in_alphabetical_order(shared: ModuleType) -> None:
    names, present = ["vit", "ConvNeXt", "alexnet", "ResNet", "beit"], ["vit", "ResNet", "of another list"]
    ordered = ["ResNet", "vit", "alexnet", "beit", "ConvNeXt"]
    assert shared.sort_downloaded_first(iter(names), present) == ordered


@each_case(
    ("option", "dtype"),
    ("auto", torch.float32),
    ("fp32", torch.float32),
    ("bf16", torch.bfloat16),
    ("fp16", torch.float16),
)
def test_a_precision_is_the_type_of_the_weights(shared: ModuleType, option: str, dtype: torch.dtype) -> None:
    assert option in shared.precision_input().options
    assert shared.read_precision(option) == dtype
    with pytest.raises(ValueError, match=r"precision 'int8' is unknown; choose one of auto, fp32, bf16, fp16"):
        shared.read_precision("int8")


def test_the_page_keeps_hundredths_of_every_number(pack: Pack) -> None:
    # It rounds to the digits of `step`: with a step of 0.1, a weight of 0.03 becomes 0.
    items = [item for node in pack.nodes.values() for item in list_declared_inputs(node) if item.type == "FLOAT"]
    steps = {(item.name, step) for item in items if (step := item.settings.get("step"))}
    assert ("weight", 0.05) in steps
    assert {name for name, step in steps if math.floor(math.log10(step)) > -2} == set()


def test_the_api_of_the_nodes_is_that_of_the_file(pack: Pack) -> None:
    frozen = Path(__file__).with_name("api.json").read_text(encoding="utf-8")
    assert describe_pack(pack.nodes) == frozen, "a changed API breaks workflow files; if it has to be, run make api"
