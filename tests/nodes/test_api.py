"""The nodes' public API is frozen in api.json: workflow files that people share must go on working."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

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


@pytest.fixture(scope="module")
def first_form() -> Api:
    """The API in which each node was published first, in 0.1.0 or on the way there."""
    api: Api = json.loads(Path(__file__).with_name("first_api.json").read_text(encoding="utf-8"))
    return api


def split(pack: Pack, node_id: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the choice under which inputs of a node's first form are today, "" for none, those that stayed, and those
    that moved there."""
    table = pack.module("nodes.moved_inputs").MOVED.get(node_id, {"choice": "", "moved": []})
    moved = {name: value for name, value in inputs.items() if name.rstrip("?") in table["moved"]}
    return table["choice"], {name: value for name, value in inputs.items() if name not in moved}, moved


def later(pack: Pack, node_id: str) -> dict[str, Any]:
    values: dict[str, Any] = pack.module("nodes.moved_inputs").MOVED[node_id]["later"]
    return values


def test_no_workflow_file_of_the_first_form_breaks(pack: Pack, first_form: Api) -> None:
    """What moved since is looked for where older files are migrated to."""
    before, now = deepcopy(first_form), describe_pack(pack.nodes)
    for node_id, node in list(before.items()):
        choice, node["inputs"], moved = split(pack, node_id, node["inputs"])
        if choice:
            # What came later has the value that changes nothing after the migration.
            given = {name.rstrip("?"): value for name, value in moved.items()}
            assert {name.rstrip("?") for name in moved if name.endswith("?")} <= set(later(pack, node_id))
            custom = now[node_id]["inputs"].pop(choice)["custom"]
            added = {name: value for name, value in custom.items() if name in later(pack, node_id)}
            assert {*given, *added} == {*custom}
            for outer, _, inner in (name.partition(".") for name in later(pack, node_id)):
                for option in given.get(outer, {}) if inner else ():
                    # Values of a choice go by their names when a file is migrated, so one may come between others.
                    given[outer][option] |= {k: v for k, v in custom[outer][option].items() if k.rstrip("?") == inner}
            before[f"{node_id} custom"] = {"inputs": given | added, "outputs": {}}
            now[f"{node_id} custom"] = {"inputs": custom, "outputs": {}}
    assert find_breaks(before, now) == []


def test_nodes_run_with_the_inputs_of_their_first_form_alone(pack: Pack, first_form: Api) -> None:
    def run(node_id: str, **inputs: Any) -> tuple[Any, ...]:
        """Run a node with these inputs, which are all that its first form asks for."""
        required = {name for name in first_form[node_id]["inputs"] if not name.endswith("?")}
        assert set(inputs) == required
        choice, stayed, moved = split(pack, node_id, inputs)
        more = later(pack, node_id) if choice else {}
        inner = moved | {name: more[name] for name in more if "." not in name and name not in moved}
        given = stayed | ({choice: {choice: "custom"} | inner} if choice else {})
        with torch.inference_mode():
            return tuple(pack.node(node_id).execute(**given).result)

    (stack,) = run(
        "DAS_ImageStack",
        width=48,
        height=48,
        margin=0,
        batch_size=1,
        levels={"levels": "powers_of_two"},
        color="decorrelated",
        start={"start": "gray"},
        method="spectral",
        seed=0,
    )
    windows = {"views": 1, "jitter": 0, "zoom_min": 1.0, "zoom_max": 1.0, "zoom_start": 1.0}
    (views,) = run("DAS_Augmentation", noise=0.0, noise_kind="gaussian", flip=0.0, **windows)
    image, moved, *_ = run(
        "DAS_Optimize",
        stack=stack,
        objectives={"objective0": pack.objective()},
        steps=2,
        optimizer={"optimizer": "ascent", "step_size": 0.06, "momentum": 0.0, "coarse_to_fine": 0.0},
        schedule="constant",
        seed=0,
        preview_every=0,
        frames=0,
        chunk=0,
    )
    assert views.views == 1
    assert torch.equal(run("DAS_StackToImage", stack=moved)[0], image)


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
