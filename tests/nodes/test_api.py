"""The nodes' public API is frozen in api.json: workflow files that people share must go on working."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from generators.node_api import describe_pack, find_breaks
from loaded_pack import Pack

Api = dict[str, Any]
Change = Callable[[Api], Any]


@pytest.fixture(scope="module")
def frozen() -> Api:
    """The API as people's workflow files know it."""
    api: Api = json.loads(Path(__file__).with_name("api.json").read_text(encoding="utf-8"))
    return api


def test_no_workflow_file_breaks(pack: Pack, frozen: Api) -> None:
    assert find_breaks(frozen, describe_pack(pack.nodes)) == []


def renamed(names: dict[str, Any], old: str, new: str) -> None:
    """Rename a key in place, its position kept."""
    entries = [(new if name == old else name, value) for name, value in names.items()]
    names.clear()
    names.update(entries)


def first(names: dict[str, Any], name: str, value: Any) -> None:
    """Put a key before all others."""
    entries = [(other, kept) for other, kept in names.items() if other != name]
    names.clear()
    names.update([(name, value), *entries])


def stack(api: Api) -> dict[str, Any]:
    inputs: dict[str, Any] = api["DAS_ImageStack"]["inputs"]
    return inputs


def optimize(api: Api) -> dict[str, Any]:
    inputs: dict[str, Any] = api["DAS_Optimize"]["inputs"]
    return inputs


def details(api: Api) -> dict[str, Any]:
    inputs: dict[str, Any] = stack(api)["details"]["custom"]
    return inputs


def recipe(api: Api) -> dict[str, Any]:
    inputs: dict[str, Any] = optimize(api)["recipe"]["custom"]
    return inputs


BREAKING: dict[str, Change] = {
    "DAS_ImageStack is gone": lambda api: api.pop("DAS_ImageStack"),
    "DAS_Classify is gone": lambda api: renamed(api, "DAS_Classify", "DAS_Verdict"),
    "DAS_ImageStack: details = custom: the input margin is gone: .*is border its new name": (
        lambda api: renamed(details(api), "margin", "border")
    ),
    "DAS_ImageStack: details = custom: levels = linear: the input step is gone: .*is stride its new name": (
        lambda api: renamed(details(api)["levels"]["linear"], "step", "stride")
    ),
    "DAS_ImageStack: the input image is gone": lambda api: stack(api).pop("image?"),
    "DAS_ImageStack: the inputs width, height, .* now stand as height, width": (
        lambda api: first(stack(api), "height", "INT")
    ),
    "DAS_Optimize: recipe = custom: optimizer = ascent: the inputs .* now stand as momentum, step_size": (
        lambda api: first(recipe(api)["optimizer"]["ascent"], "momentum", "FLOAT")
    ),
    "DAS_ImageStack: details = custom: margin was INT and is now FLOAT": lambda api: details(api).update(
        margin="FLOAT"
    ),
    "DAS_ImageStack: details = custom: color was a choice of decorrelated, rgb and is now STRING": (
        lambda api: details(api).update(color="STRING")
    ),
    "DAS_ImageStack: details = custom: color no longer offers rgb": lambda api: details(api)["color"].remove("rgb"),
    "DAS_Optimize: recipe = custom: optimizer no longer offers adam": lambda api: recipe(api)["optimizer"].pop("adam"),
    "DAS_Optimize: objectives was DAS_OBJECTIVE at objective0": (
        lambda api: optimize(api).update(objectives="DAS_OBJECTIVE at target0 to target31")
    ),
    "DAS_Optimize: seed was INT and control and is now INT": lambda api: optimize(api).update(seed="INT"),
    "DAS_Optimize: the input augmentation was optional and is required now": (
        lambda api: renamed(optimize(api), "augmentation?", "augmentation")
    ),
    "DAS_StackToImage: the new input gamma is required": (
        lambda api: api["DAS_StackToImage"]["inputs"].update(gamma="FLOAT")
    ),
    "DAS_Optimize: the new input clip stands before older ones": lambda api: first(optimize(api), "clip?", "FLOAT"),
    "DAS_Optimize: recipe = custom: optimizer = sgd: the new input decay moves the widgets behind it": (
        lambda api: recipe(api)["optimizer"]["sgd"].update({"decay?": "FLOAT"})
    ),
    "DAS_Optimize had the outputs image .*, stack .* and now has stack": (
        lambda api: first(api["DAS_Optimize"]["outputs"], "stack", "DAS_STACK")
    ),
    "DAS_Classify had the outputs .*probability .* and now has text .*certainty": (
        lambda api: renamed(api["DAS_Classify"]["outputs"], "probability", "certainty")
    ),
}


@each_case(("message", "change"), BREAKING.items())
def test_a_change_that_breaks_workflow_files_is_named(frozen: Api, message: str, change: Change) -> None:
    now = deepcopy(frozen)
    change(now)
    found = find_breaks(frozen, now)
    assert len(found) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found[0])


HARMLESS: dict[str, Change] = {
    "a new node": lambda api: api.update(DAS_Dream={"inputs": {"mask": "MASK"}, "outputs": {}}),
    "an optional input at the end": lambda api: stack(api).update({"depth?": "MASK"}),
    "an optional widget at the end": lambda api: optimize(api).update({"clip?": "FLOAT"}),
    "a new choice": lambda api: details(api)["color"].append("lab"),
    "a new option with inputs": lambda api: recipe(api)["optimizer"].update(rprop={"step": "FLOAT"}),
    "an input that may now be left out": lambda api: renamed(recipe(api), "chunk", "chunk?"),
    "an output at the end": lambda api: api["DAS_Optimize"]["outputs"].update(mask="MASK"),
    "files that lie in the models folder": lambda api: api["DAS_LoadClassifier"]["inputs"]["source"]["file"].update(
        checkpoint=["a.pth"]
    ),
    "an input inside the last widget": lambda api: api["DAS_Last"]["inputs"]["kind"]["a"].update({"y?": "INT"}),
}


@each_case(("addition", "change"), HARMLESS.items())
def test_additions_pass(frozen: Api, addition: str, change: Change) -> None:
    before = deepcopy(frozen) | {"DAS_Last": {"inputs": {"kind": {"a": {"x": "INT"}}}, "outputs": {}}}
    now = deepcopy(before)
    change(now)
    assert now != before
    assert find_breaks(before, now) == [], addition
