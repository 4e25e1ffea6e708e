"""What the schemas of several nodes share: fields, inputs, the choice of an option, and advice on errors."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, Toy

OPTIONS = ("red", "green", "blue")


@pytest.fixture
def shared(pack: Pack) -> ModuleType:
    return pack.module("nodes.schema")


def test_fields_that_the_running_comfyui_does_not_know_are_left_out(shared: ModuleType) -> None:
    given = {"node_id": "X", "display_name": "An X", "inputs": [], "outputs": []}
    made = shared.schema(**given, from_a_later_version=True)
    assert (made.node_id, made.display_name) == ("X", "An X")
    assert not hasattr(made, "from_a_later_version")


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


def test_where_comfyui_cannot_fold_nothing_is_set(shared: ModuleType) -> None:
    class Plain:
        id = "chunk"

    plain = Plain()
    shared._mark_advanced([plain], {"chunk"})
    assert vars(plain) == {}
    known = Plain()
    known.advanced = None  # type: ignore[attr-defined]
    shared._mark_advanced([known], {"chunk"})
    assert vars(known) == {"advanced": True}


def test_folding_an_input_that_does_not_exist_is_refused(shared: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"^no input is called size, steps.count$"):
        shared.schema(node_id="X", inputs=[shared.io.Int.Input("steps")], advanced=["size", "steps.count"])


@each_case(
    ("node", "seen"),
    [
        ("DAS_ImageStack", ["width", "height", "batch_size", "start", "details"]),
        ("DAS_Augmentation", ["views", "zoom_min", "flip", "details"]),
        ("DAS_Optimize", ["seed", "recipe"]),
    ],
)
def test_nodes_with_many_widgets_show_a_few(
    pack: Pack, shared: ModuleType, monkeypatch: pytest.MonkeyPatch, node: str, seen: list[str]
) -> None:
    folded: set[str] = set()
    io = shared.io
    plain = (io.Int.Input, io.Float.Input, io.Combo.Input, io.Boolean.Input)
    monkeypatch.setattr(shared, "_mark_advanced", lambda inputs, names: folded.update(names))
    schema = pack.node(node).define_schema()
    widgets = []
    for item in schema.inputs:
        if isinstance(item, io.DynamicCombo.Input):
            widgets += [item.id, *(f"{item.id}.{inner.id}" for inner in item.options[0].inputs)]
        elif isinstance(item, plain):
            widgets.append(item.id)
    assert [name for name in widgets if name not in folded] == seen
    assert len(list(shared._walk(schema.inputs))) > 10


def test_the_default_is_the_first_option_and_the_others_keep_their_order(shared: ModuleType) -> None:
    assert shared.list_options(Literal["red", "green", "blue"], "blue") == ["blue", "red", "green"]


def test_options_bring_the_inputs_that_are_given_for_them(shared: ModuleType) -> None:
    share = shared.io.Float.Input("share")
    options = shared.make_options(OPTIONS, green=[share])
    assert [(option.key, option.inputs) for option in options] == [("red", []), ("green", [share]), ("blue", [])]


def test_inputs_for_an_option_that_does_not_exist_are_refused(shared: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"^gold not among the options red, green, blue$"):
        shared.make_options(OPTIONS, gold=[], red=[])


@each_case(
    ("value", "inputs"),
    [
        ({"color": "green", "share": 0.5, "name": "grass"}, {"share": 0.5, "name": "grass"}),
        ({"color": "green"}, {}),
        ("green", {}),
    ],
)
def test_a_choice_is_read_with_the_inputs_it_brings(shared: ModuleType, value: Any, inputs: dict[str, Any]) -> None:
    assert shared.read_choice("color", value, OPTIONS) == ("green", inputs)


@each_case(
    ("value", "says"),
    [
        *((value, "'gold' is unknown") for value in ("gold", {"color": "gold"}, {"color": "gold", "share": 0.5})),
        *((value, "is missing or unknown") for value in (None, "", {}, {"share": 0.5}, {"color": None})),
        ({"color": 3}, "'3' is unknown"),
    ],
)
def test_a_choice_that_is_unknown_or_missing_is_answered_with_the_options(
    shared: ModuleType, value: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=f"^color {says}; choose red, green or blue$"):
        shared.read_choice("color", value, OPTIONS)


class Lost(ValueError):  # noqa: N818
    """A kind of error that gets advice."""


def test_advice_stands_behind_an_error_of_its_kind_which_becomes_the_cause(shared: ModuleType) -> None:
    lost = Lost("the way is lost")
    with (
        pytest.raises(ValueError, match=r"^the way is lost; a map shows it$") as caught,
        shared.add_advice(Lost, "; a map shows it"),
    ):
        raise lost
    assert caught.value.__cause__ is lost


def test_other_errors_and_good_runs_pass_without_advice(shared: ModuleType) -> None:
    reached = []
    with shared.add_advice(Lost, "; a map shows it"):
        reached.append(1)
    for error in (ValueError("too large"), KeyError("gone")):
        with pytest.raises(type(error)) as caught, shared.add_advice(Lost, "; a map shows it"):
            raise error
        assert caught.value is error
    assert reached == [1]


def test_models_on_the_disk_stand_first_each_part_in_alphabetical_order(shared: ModuleType) -> None:
    names = ["vit", "ConvNeXt", "alexnet", "ResNet", "beit"]
    assert shared.sort_downloaded_first(names, ["vit", "ResNet", "of another list"]) == [
        "ResNet",
        "vit",
        "alexnet",
        "beit",
        "ConvNeXt",
    ]
    assert shared.sort_downloaded_first(iter(names), []) == ["alexnet", "beit", "ConvNeXt", "ResNet", "vit"]


def test_a_model_of_either_kind_can_be_connected(pack: Pack) -> None:
    for node in ("DAS_StyleObjective", "DAS_ContentObjective", "DAS_FeatureObjective", "DAS_ListLayers"):
        assert pack.node(node).INPUT_TYPES()["required"]["model"][0] == "DAS_CLASSIFIER,DAS_CLIP"


@each_case(
    ("option", "dtype"),
    [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_a_precision_is_the_type_of_the_weights(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, option: str, dtype: torch.dtype
) -> None:
    assert option in pack.module("nodes.schema").precision_input().options
    loaders: dict[str, tuple[str, str, Callable[..., Any]]] = {
        "DAS_LoadClassifier": ("nodes.models.classifier", "load_starter", lambda: pack.classifier(Toy())),
        "DAS_LoadCLIP": ("nodes.models.clip", "load_starter_clip", lambda starter, folder, progress: pack.clip(Toy())),
    }
    for node, (module, function, load) in loaders.items():
        monkeypatch.setattr(pack.module(module), function, load)
        (model,) = pack.run(node, source={"source": "starter"}, precision=option)
        assert model.dtype == dtype
        assert model.owner.model is model.module
